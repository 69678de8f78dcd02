"""What a run will have cost: the span of each role, from counts and prices alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.effects.forecast import Calls, Forecast, Part, Span
from stages.records import counts


def kinds(*, finished: int = 0, rejected: int = 0, questions: int = 0) -> dict[str, int]:
    return {
        counts.kind("file", "finished"): finished,
        counts.kind("file", "rejected"): rejected,
        counts.kind("question", "read"): questions,
    }


@pytest.mark.parametrize(
    ("rows", "settled", "known"),
    [
        (None, kinds(finished=100), False),
        (100, kinds(finished=4), False),
        (100, kinds(finished=2, rejected=3), True),
        (100, kinds(rejected=4, questions=50), False),
    ],
)
def test_nothing_is_forecast_before_five_rows_of_a_known_number_have_settled(
    rows: int | None, settled: dict[str, int], *, known: bool
) -> None:
    found = Forecast().of(rows, settled, {"transform": Part(5, 1.0)}, 1)
    assert (found is not None) is known


def test_transform_calls_follow_the_rows() -> None:
    # 5 of 10 rows took 5 calls of 1 USD each. The squared error is 0.25 * (1/5 + 1/10) = 0.075,
    # and the bounds are the factor exp(2 * sqrt(0.075)) = 1.729310 away.
    forecast = Forecast({"transform": Calls(count=5, total=5.0, squares=5.0)})
    parts = {"transform": Part(5, 5.0), "inference": Part(0, 0.0), "revision": Part(3, 0.0)}
    found = forecast.of(10, kinds(finished=5), parts, 1)
    assert found is not None
    assert found.keys() == {"transform", ""}  # a role that was not paid has no span
    for span in found.values():
        assert span.to_json() == {"least": 5.782653, "about": 10.0, "most": 17.293101}


def test_answers_follow_the_questions_of_a_row_and_revisions_their_share_of_them() -> None:
    # 2 questions a row, 2 answers each: 60 * 2 * 2 = 240 calls of 0.5 USD. The squared error is
    # (1 + 6/2) * (1/30 + 1/60) = 0.2 of the questions, and 1/100 + 1/240 of prices unseen here.
    settled = kinds(finished=20, rejected=10, questions=60)
    parts = {"inference": Part(100, 50.0), "revision": Part(40, 40.0)}
    found = Forecast().of(60, settled, parts, 2)
    assert found is not None
    assert found["inference"].about == pytest.approx(120.0)
    assert found["inference"].most == pytest.approx(302.7946, abs=1e-4)
    assert found["inference"].least == 50.0
    assert found["revision"].about == pytest.approx(240 * 0.4)
    assert found[""].about == pytest.approx(120 + 96)


def test_nothing_spent_is_nothing_forecast() -> None:
    assert Forecast().of(10, kinds(finished=5), {}, 1) == {"": Span(0.0, 0.0, 0.0)}


@pytest.mark.parametrize(
    ("prices", "spread"), [([5.0], 1.0), ([0.0, 0.0], 1.0), ([2.0, 2.0], 0.0), ([1.0, 3.0], 0.25)]
)
def test_the_spread_of_prices_is_relative_to_their_mean(prices: list[float], spread: float) -> None:
    calls = Calls()
    for price in prices:
        calls.add(price)
    assert calls.spread == pytest.approx(spread)


PARTS = st.builds(Part, calls=st.integers(1, 500), cost=st.floats(0.001, 1000))


@given(st.integers(1, 1000), st.integers(5, 500), st.integers(0, 500), PARTS, PARTS, PARTS)
def test_no_span_begins_below_what_is_spent(
    rows: int, settled: int, questions: int, first: Part, second: Part, third: Part
) -> None:
    parts = {"transform": first, "inference": second, "revision": third}
    found = Forecast().of(rows, kinds(finished=settled, questions=questions), parts, 2)
    assert found is not None
    spent = {role: part.cost for role, part in parts.items()}
    for role, span in found.items():
        assert spent.get(role, sum(spent.values())) * (1 - 1e-9) <= span.least
        assert span.least <= span.about * (1 + 1e-9) <= span.most * (1 + 1e-9)


@given(st.integers(1, 400), st.integers(2, 10), st.sampled_from(["transform", "inference"]))
def test_more_calls_make_a_span_narrower(few: int, times: int, role: str) -> None:
    def width(calls: int) -> float:
        found = Forecast().of(1000, kinds(finished=50, questions=100), {role: Part(calls, 5.0)}, 1)
        assert found is not None
        return found[role].most / found[role].about

    assert width(few * times) < width(few)


def test_what_attempts_have_lost_is_part_of_the_forecast() -> None:
    found = Forecast().of(10, kinds(finished=5), {"transform": Part(0, 3.0)}, 1)
    assert found is not None
    assert found[""].least <= found[""].about
