"""What tokens cost, by the model's name at its server."""

import pytest

from engine.config.models import ModelSettings, Price
from engine.effects.prices import BATCHED, Prices
from stages.records import Usage

MILLION = 1_000_000
PRICES = Prices.of(
    {
        "main": ModelSettings(model="m", price=Price(input=2.0, cached_input=0.5, output=8.0)),
        "cheap": ModelSettings(model="c", price=Price(input=1.0, output=4.0, batch=0.25)),
        "barred": ModelSettings(model="a|b", price=Price(input=3.0)),
        "unnamed": ModelSettings(kind="simulated", price=Price(output=1.0)),
    }
)


@pytest.mark.parametrize(
    ("model", "asked", "cached", "answered", "usd"),
    [
        ("m", MILLION, 0, MILLION, 2.0 + 8.0),
        ("m", MILLION, MILLION, 0, 0.5),
        ("m", MILLION, 400_000, 250_000, 1.2 + 0.2 + 2.0),
        ("m" + BATCHED, MILLION, MILLION, MILLION, 0.25 + 4.0),
        ("c" + BATCHED, MILLION, 0, MILLION, 0.25 + 1.0),
        ("c", MILLION, MILLION, 0, 0.0),
        ("a|b", MILLION, 0, 0, 3.0),
        ("a/b" + BATCHED, MILLION, 0, 0, 1.5),
        ("simulated", 0, 0, MILLION, 1.0),
        ("main", MILLION, 0, MILLION, 0.0),
    ],
)
def test_tokens_cost_what_the_run_file_says_of_their_model(
    model: str, asked: int, cached: int, answered: int, usd: float
) -> None:
    usage = Usage(input_tokens=asked, cached_tokens=cached, output_tokens=answered)
    assert PRICES.usd(model, usage) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("price", "known"), [(Price(), False), (Price(input=0.1), True), (Price(output=0.1), True)]
)
def test_prices_are_known_where_any_model_has_one(price: Price, *, known: bool) -> None:
    models = {"free": ModelSettings(model="f"), "main": ModelSettings(model="m", price=price)}
    assert Prices.of(models).known is known
