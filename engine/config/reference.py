"""The settings as documents: a commented run file, docs/settings.md and a JSON Schema.

All three are written from the models of `engine.config.settings`, so that nothing about a setting
stands in two places. Nothing here reads or writes a file.
"""

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.config.models import ModelSettings
from engine.config.section import Section
from engine.config.settings import Config

WIDTH = 100
"""Columns of a run file, at most."""
COLUMN = 30
"""Where the comments behind short settings begin, in columns."""
MODELS = "models.*"
NO_VALUE = "unset"
STARTER: Mapping[str, Any] = {"source.path": "code/*.py", f"{MODELS}.concurrency": 32}
"""What the starter's run file sets to another value than the default. Its source files lie beside
it, and more simulated answers at once would only wait for a core."""
HEAD = """\
A run file with every setting. The values are the defaults, unless a comment gives another.
Any setting may be left out. Relative paths start from the folder of this file.
Units and bounds are in brackets. `codeio settings --format markdown` also gives the reasons.
"""
SIMULATED = "A simulated model. It needs no server, no key and no network."
REAL = "A real model. To use it, delete the section above and uncomment the lines below."
INTRODUCTION = """\
# Settings

<!-- Written by: codeio settings --format markdown > docs/settings.md -->

A run file is a TOML file with one section for each part of a run.
Every setting may be left out, and then has the default below.

- Relative paths start from the folder of the run file.
- An unknown setting is an error, and so is a value of another type.
- No number may be negative, except `models.*.seed`. Further bounds stand beside the unit.
- In place of a list of files or addresses, one text is enough.
- `codeio settings --format toml` prints a run file with every setting.
- `codeio settings --format json-schema` prints a schema for editors.

[boundaries.md](boundaries.md) explains the formats, [data.md](data.md) the tags and verdicts.
[models.md](models.md), [money.md](money.md) and [sandbox.md](sandbox.md) explain their sections.
"""
SCHEMA_FILE = "./run.schema.json"
"""The schema beside the starter's run file, as the run file names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as its documents show it.

    shown: the value of a line that is commented out. measure: the unit with the bounds, such as
    "s, > 0". only: the kind of model that uses it, or "" for both.
    """

    name: str
    default: Any
    shown: Any
    meaning: str
    measure: str
    why: str
    only: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A section of a run file, or a table in one."""

    name: str
    meaning: str
    parts: "tuple[Setting | Group, ...]"

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that stand in the group itself."""
        return tuple(part for part in self.parts if isinstance(part, Setting))

    @property
    def tables(self) -> "tuple[Group, ...]":
        """The groups within the group."""
        return tuple(part for part in self.parts if isinstance(part, Group))


def groups() -> tuple[Group, ...]:
    """All sections with all settings, in the order of the run file."""
    defaults: dict[str, Any] = {**dict(Config()), "models": ModelSettings.model_construct()}
    return tuple(
        _group(MODELS if name == "models" else name, values)
        for name, values in defaults.items()
        if isinstance(values, Section)
    )


def _group(name: str, values: Section) -> Group:
    schemas = type(values).model_json_schema()["properties"]
    parts: list[Setting | Group] = [
        _group(f"{name}.{key}", value)
        if isinstance(value, Section)
        else _setting(key, value, schemas[key])
        for key, value in values
    ]
    return Group(name=name, meaning=_doc(type(values)), parts=tuple(parts))


def _setting(name: str, default: Any, schema: Mapping[str, Any]) -> Setting:
    measure = [schema.get("unit", ""), *map(_bounds, _parts(schema))]
    return Setting(
        name=name,
        default=default,
        shown=schema.get("example", default),
        meaning=schema["description"] + _choices(schema),
        measure=", ".join(filter(None, measure)),
        why=schema["why"],
        only=schema.get("only", ""),
    )


def _choices(schema: Mapping[str, Any]) -> str:
    """A sentence with the values that may be chosen, unless the meaning names them all."""
    choices = next((part["enum"] for part in _parts(schema) if "enum" in part), ())
    if all(_quoted(choice) in schema["description"] for choice in choices):
        return ""
    return f" {'Any' if 'items' in schema else 'One'} of {', '.join(map(_quoted, choices))}."


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema of a setting, and those of its alternatives and its items."""
    yield schema
    for part in schema.get("anyOf", ()):
        yield from _parts(part)
    if "items" in schema:
        yield from _parts(schema["items"])


def _bounds(schema: Mapping[str, Any]) -> str:
    """The bounds of a number in signs, but for a lower bound of 0, which all have."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None and least is not None:
        return f"{least:g} to {most:g}"
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    signs = (("≥", least or None), (">", above), ("≤", most), ("<", below))
    return ", ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)


def _doc(of: type) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(of.__doc__ or "").split("\n\n")[0].split())


def _quoted(text: str) -> str:
    return f"`{text}`"


def _series(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def run_file(starter: bool = False, *, schema: str = "") -> str:
    """A commented run file with every setting.

    Args:
        starter: Whether it is for the files that `init` writes, and not for any others.
        schema: The path of a JSON Schema for editors to check it with, if there is one beside it.
    """
    changed = STARTER if starter else {}
    lines = [f"#:schema {schema}"] if schema else []
    lines += [f"# {line}" for line in HEAD.splitlines()]
    for group in groups():
        if group.name == MODELS:
            lines += _models(group, changed)
        else:
            lines += ["", *_comment(group.meaning), f"[{group.name}]"]
            for part in group.parts:
                lines += _entry(part, changed.get(f"{group.name}.{part.name}"))
    return "\n".join(lines) + "\n"


def _models(group: Group, changed: Mapping[str, Any]) -> Iterator[str]:
    """The simulated model, and a real one that is commented out."""
    values = {"kind": "simulated"}
    yield from ("", *_comment(group.meaning), "", *_comment(SIMULATED), "[models.main]")
    for setting in group.settings:
        if setting.only != "openai":
            other = changed.get(f"{group.name}.{setting.name}", values.get(setting.name))
            yield from _entry(setting, other)
    yield from ("", *_comment(REAL), "# [models.main]")
    for part in group.parts:
        if isinstance(part, Group) or part.only != "simulated":
            yield from _entry(part, off=True)


def _entry(part: Setting | Group, other: Any = None, *, off: bool = False) -> list[str]:
    """The lines of a setting or a table.

    Args:
        other: What it is set to instead of its default, if anything.
        off: Whether it stands in a section that is commented out, comments and all.
    """
    if isinstance(part, Group):
        lines = _table(part)
    else:
        value = part.shown if off or part.default is None else part.default
        code = f"{part.name} = {toml(value if other is None else other)}"
        comment = f"[{part.measure}] {part.meaning}" if part.measure else part.meaning
        if other is not None:
            comment = f"{comment} The default is {toml(part.default)}."
        lines = _commented(f"# {code}" if part.default is None and not off else code, comment, off)
    return [f"# {line}" for line in lines] if off else lines


def _table(group: Group) -> list[str]:
    """A group on one line, below the meaning of each of its settings."""
    name = group.name.rpartition(".")[2]
    values = ", ".join(f"{part.name} = {toml(part.default)}" for part in group.settings)
    members = [f"- {part.name}: [{part.measure}] {part.meaning}" for part in group.settings]
    above = [line for text in (group.meaning, *members) for line in _comment(text)]
    return [*above, f"{name} = {{ {values} }}"]


def _commented(code: str, comment: str, off: bool) -> list[str]:
    """A line of TOML with its comment behind it, or above it where there is no room."""
    room = WIDTH - len("# ") * off
    behind = f"{code:<{COLUMN - 1}} # {comment}"
    if len(code) < COLUMN and len(behind) <= room:
        return [behind]
    return [*_comment(comment), code]


def _comment(text: str) -> list[str]:
    """Comment lines that leave room for one more "# " before them."""
    return textwrap.wrap(
        text,
        WIDTH - len("# "),
        initial_indent="# ",
        subsequent_indent="#   " if text.startswith("- ") else "# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def toml(value: Any) -> str:
    """A value as it stands in TOML. Raises: TypeError for None, which TOML does not have."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 100_000 else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise TypeError(f"TOML has no value for {value!r}")


def markdown() -> str:
    """docs/settings.md: each setting with its default, unit, meaning and the reason for the
    default."""
    return INTRODUCTION + "".join(_page(group, "##") for group in groups())


def _page(group: Group, level: str) -> str:
    rows = "".join(_row(setting) for setting in group.settings)
    tables = "".join(_page(table, f"{level}#") for table in group.tables)
    return (
        f"\n{level} `[{group.name}]`\n\n{group.meaning}{_kinds(group)}\n\n"
        "| setting | default | unit, bounds | meaning | why this default |\n"
        f"|---|---|---|---|---|\n{rows}{tables}"
    )


def _kinds(group: Group) -> str:
    """Which settings a simulated model uses, where the group holds those of models."""
    simulated = [_quoted(part.name) for part in group.settings if part.only == "simulated"]
    both = [_quoted(part.name) for part in group.settings if not part.only]
    if not simulated:
        return ""
    return (
        f"\nOnly a simulated model uses {_series(simulated)}."
        f"\nA simulated model ignores all others but {_series(both)}."
    )


def _row(setting: Setting) -> str:
    default = NO_VALUE if setting.default is None else _quoted(toml(setting.default))
    cells = (_quoted(setting.name), default, setting.measure, setting.meaning, setting.why)
    return f"| {' | '.join(cells)} |\n"


def json_schema() -> str:
    """A JSON Schema (draft 2020-12) of what a run file may hold, for editors."""
    schema = Config.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        part["description"] = " ".join(part["description"].split("\n\n")[0].split())
        for name, setting in part["properties"].items():
            _documented(name, setting)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps({**head, "title": "A run file of codeio-engine"}, indent=2) + "\n"


def _documented(name: str, schema: dict[str, Any]) -> None:
    """Puts unit and reason into the description, where editors show them, and takes null away,
    which TOML does not have."""
    unit, why = schema.pop("unit", ""), schema.pop("why", "")
    schema.pop("only", "")
    example = schema.pop("example", None)
    if example is not None:
        schema["examples"] = [example]
    parts = [schema.get("description", ""), unit and f"Unit: {unit}.", why and f"Why: {why}"]
    if why:
        schema |= {"title": name, "description": " ".join(filter(None, parts))}
    if schema.get("default", "") is None:
        del schema["default"]
        (other,) = (part for part in schema.pop("anyOf") if part != {"type": "null"})
        schema.update(other)


FORMATS: Mapping[str, Callable[[], str]] = {
    "toml": run_file,
    "markdown": markdown,
    "json-schema": json_schema,
}
"""The documents by the name that `codeio settings --format` takes."""


def render(format: str) -> str:  # noqa: A002  # the name of the command's option
    """One of FORMATS, as text that ends with a newline. Raises: KeyError for any other name."""
    return FORMATS[format]()
