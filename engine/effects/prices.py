"""What tokens cost: the prices of the run file, by the model's name at its server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from engine.config.models import ModelSettings, Price
from stages.records import Usage

BATCHED = " (batch)"
"""What stands behind a model's name where its answers came from a batch file."""
FREE = Price()


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens, by model. Each model has a second entry, for batch files."""

    by_model: Mapping[str, Price]

    @classmethod
    def of(cls, models: Mapping[str, ModelSettings]) -> Self:
        """The prices of the models of a run file."""
        prices = {}
        for settings in models.values():
            name, price = plain(settings.model or "simulated"), settings.price
            prices[name] = price
            prices[name + BATCHED] = price.model_copy(
                update={
                    what: getattr(price, what) * price.batch
                    for what in ("input", "cached_input", "output")
                }
            )
        return cls(prices)

    def usd(self, model: str, usage: Usage) -> float:
        """What so many tokens cost at this model, in USD."""
        price = self.by_model.get(plain(model), FREE)
        fresh = usage.input_tokens - usage.cached_tokens
        return (
            fresh * price.input
            + usage.cached_tokens * price.cached_input
            + usage.output_tokens * price.output
        ) / 1e6

    @property
    def known(self) -> bool:
        """Whether any model has a price."""
        return any(price.input or price.output for price in self.by_model.values())


def plain(model: str) -> str:
    """A model's name as counts use it. A bar separates the parts of a count's name."""
    return model.replace("|", "/")
