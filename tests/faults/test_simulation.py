"""Simulated runs, killed wherever a seed says; `python -m tests.faults.simulation` makes 10,000."""

import pytest

from tests.faults.simulation import simulate


def test_no_simulated_run_loses_or_repeats_anything() -> None:
    counted = simulate(60)
    assert counted["runs"] == 60
    assert counted["kills"] > 60


@pytest.mark.nightly
def test_no_run_of_ten_thousand_loses_or_repeats_anything() -> None:
    assert simulate(10_000)["runs"] == 10_000
