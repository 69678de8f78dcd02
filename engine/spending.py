"""Money and tokens: what the whole folder's run has used, and the budget that ends it.

Counts stand in the journal, each in the transaction of the answer it was paid for, and so survive kills.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.settings import LimitSettings, ModelSettings
from stages.errors import Unavailable
from stages.records import Usage

SPENT = "spent|"
FIELDS = ("calls", "estimated", "input_tokens", "cached_tokens", "output_tokens")


@dataclass(slots=True)
class Spending:
    """models: prices by section; used: by model name, the sums of FIELDS."""

    models: Mapping[str, ModelSettings]
    limits: LimitSettings
    used: dict[str, dict[str, int]] = field(default_factory=dict)

    def load(self, counts: Mapping[str, int]) -> None:
        """Takes up what earlier processes of this folder have used."""
        for name, count in counts.items():
            if name.startswith(SPENT):
                _, model, what = name.split("|")
                self.used.setdefault(model, dict.fromkeys(FIELDS, 0))[what] = count

    def add(self, model: str, usage: Usage) -> dict[str, int]:
        """Counts one answer. Returns what the journal is to add."""
        made = {"calls": 1, "estimated": int(usage.estimated), "input_tokens": usage.input_tokens,
                "cached_tokens": usage.cached_tokens, "output_tokens": usage.output_tokens}  # fmt: skip
        model = model.replace("|", "/")
        used = self.used.setdefault(model, dict.fromkeys(FIELDS, 0))
        for what, count in made.items():
            used[what] += count
        return {f"{SPENT}{model}|{what}": count for what, count in made.items()}

    def check(self) -> None:
        """Raises: Unavailable, when a budget is used up: nothing new is sent, and the same command continues."""
        if self.limits.budget_usd and self.usd >= self.limits.budget_usd:
            raise Unavailable(f"limits.budget_usd: {self.usd:.4f} of {self.limits.budget_usd:g} USD are spent; "
                              "raise it and give the same command to go on")  # fmt: skip
        if self.limits.budget_tokens and self.tokens >= self.limits.budget_tokens:
            raise Unavailable(f"limits.budget_tokens: {self.tokens} of {self.limits.budget_tokens} tokens are used; "
                              "raise it and give the same command to go on")  # fmt: skip

    @property
    def tokens(self) -> int:
        return sum(used["input_tokens"] + used["output_tokens"] for used in self.used.values())

    @property
    def usd(self) -> float:
        prices = {settings.model or "simulated": settings.price for settings in self.models.values()}
        total = 0.0
        for model, used in self.used.items():
            if (price := prices.get(model)) is not None:
                fresh = used["input_tokens"] - used["cached_tokens"]
                total += fresh * price.input + used["cached_tokens"] * price.cached_input
                total += used["output_tokens"] * price.output
        return total / 1e6

    def row(self) -> dict[str, Any]:
        return {"usd": round(self.usd, 6), "models": self.used}
