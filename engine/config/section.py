"""What a setting is made of: its meaning, unit, default, bounds, and the reason for its default."""

from typing import Annotated, Any, Literal, TypedDict, TypeVar, Unpack

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

Count = Annotated[int, Field(ge=0)]


Positive = Annotated[int, Field(ge=1)]


Share = Annotated[float, Field(ge=0.0, le=1.0)]


Value = TypeVar("Value")


class Bounds(TypedDict, total=False):
    """What pydantic checks of a value, beyond its type."""

    ge: float
    gt: float
    le: float
    lt: float
    min_length: int


def setting(
    default: Value,
    meaning: str,
    *,
    why: str,
    unit: str = "",
    only: Literal["", "openai", "simulated"] = "",
    example: JsonValue = None,
    **bounds: Unpack[Bounds],
) -> Value:
    """A field of a section, with all that its documentation is written from.

    Args:
        meaning: What it does, in whole sentences. Bounds and choices are added from the type.
        why: The reason for the default, one sentence.
        unit: Of a number, such as "s" or "tokens". Empty for what has none.
        only: The kind of model that uses it, where the other kind ignores it.
        example: What a commented-out line shows, where the default says nothing.
    """
    extra: dict[str, JsonValue] = {"why": why, "unit": unit, "only": only, "example": example}
    extra = {name: value for name, value in extra.items() if value is not None}
    return Field(default, description=meaning, json_schema_extra=extra, **bounds)


def _listed(value: Any) -> Any:
    """One text stands for a list of one, and the empty text for an empty list."""
    return ([value] if value else []) if isinstance(value, str) else value


Paths = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""Files and folders: one, or a list of them."""


_Address = Annotated[str, Field(pattern="^https?://")]


Addresses = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(
        _listed,
        # The pattern is for editors alone. ModelSettings checks it with a clearer message.
        json_schema_input_type=_Address | Annotated[list[_Address], Field(min_length=1)],
    ),
]
"""Addresses of a server: one, or a list of them."""


class Section(BaseModel):
    """A section of the run file. Unknown keys are mistakes, and values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
