"""Which settings may change when a folder's run goes on."""

import copy
from typing import Any

import pytest

from engine.config.changes import completed, differences, extensions, touches
from engine.config.settings import Config


def stored(**sections: Any) -> dict[str, Any]:
    """The settings of a run as its folder keeps them."""
    given = {"models": {"main": {"model": "m"}}, **sections}
    return Config.model_validate(given).model_dump(mode="json")


def main(**changes: Any) -> dict[str, Any]:
    return {"models": {"main": {"model": "m", **changes}}}


BEFORE = stored()
HOW = {"base_url": "http://10.0.0.1/v1", "api_key_env": "KEY", "concurrency": 9, "timeout_s": 1.0}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"source": {"path": "x"}, "output": {"dir": "x"}, "sandbox": {"workers": 7}}, []),
        ({"limits": {"max_files": 3, "budget_tokens": 5, "bugs": 0, "grace_s": 1.0}}, []),
        (main(**HOW, connect_timeout_s=1.0, read_timeout_s=1.0, attempts=1, hedge=0.5), []),
        (main(price={"input": 2.0}, headers={"a": "b"}, headers_env={"a": "B"}), []),
        (main(requests_per_minute=5.0, tokens_per_minute=9.0), []),
        ({"verification": {"equality": "strict"}}, ["verification.equality"]),
        ({"source": {"path": "x", "code_field": "code"}}, ["source.code_field"]),
        ({"output": {"dir": "x", "until": "parsed"}}, ["output.until"]),
        ({"sandbox": {"python": "p", "cpu_s": 1.0}}, ["sandbox.cpu_s", "sandbox.python"]),
        ({"inference": {"max_tokens": 9}}, ["inference.max_tokens"]),
        (main(extra_body={"min_p": 0.1}, concurrency=1), ["models.main.extra_body"]),
        ({"models": {"main": {"model": "other"}}}, ["models.main.model"]),
        ({"prediction": {"pairs": 2}}, ["prediction.pairs"]),
    ],
)
def test_settings_that_shape_rows_are_named_and_free_ones_are_not(
    changes: dict[str, Any], names: list[str]
) -> None:
    now = stored(**changes)
    assert differences(BEFORE, now) == names
    assert differences(now, BEFORE) == names


@pytest.mark.parametrize(
    ("before", "now", "names"),
    [
        ({"pairs": 3}, {"pairs": 4}, ["prediction.pairs"]),
        ({"pairs": 4}, {"pairs": 3}, []),
        ({"samples": 1}, {"samples": 2}, ["prediction.samples"]),
        ({"directions": ["input"]}, {"directions": ["output", "input"]}, ["prediction.directions"]),
        ({"directions": ["input"]}, {"directions": ["output"]}, []),
        ({"steps": [4, 100]}, {"steps": [4, 200]}, []),
        ({"pairs": 1, "samples": 4}, {"pairs": 2, "samples": 2}, ["prediction.pairs"]),
    ],
)
def test_what_only_adds_rows_extends_a_run(
    before: dict[str, Any], now: dict[str, Any], names: list[str]
) -> None:
    assert extensions(stored(prediction=before), stored(prediction=now)) == names


def test_settings_that_came_later_have_their_defaults_in_an_older_folder() -> None:
    old = copy.deepcopy(BEFORE)
    del old["prediction"]["band"], old["limits"]["live_bytes"], old["execution"]["clusters"]
    del old["contamination"], old["models"]["main"]["hedge"]
    assert completed(old) == BEFORE


def test_a_setting_that_is_no_longer_there_is_named() -> None:
    old = {**BEFORE, "verification": {**BEFORE["verification"], "gone": 1}}
    assert completed(old) == old
    assert differences(completed(old), BEFORE) == ["verification.gone"]


@pytest.mark.parametrize(
    ("name", "role", "found"),
    [
        ("inference.temperature", "inference", True),
        ("inference.temperature", "transform", False),
        ("models.main.model", "transform", True),
        ("models.author.model", "transform", False),
        ("models.main.model", "verification", False),
    ],
)
def test_a_setting_is_of_the_role_that_uses_it(name: str, role: str, *, found: bool) -> None:
    settings = {"transform": {"model": "main"}, "inference": {"model": "author"}}
    assert touches(name, role, settings) is found
