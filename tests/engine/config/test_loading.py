"""The run file: every mistake at once, each with its place; nothing is guessed."""

from pathlib import Path
from typing import get_args

import pytest

from engine import BadInput, config_of, load_config
from engine.config.loading import PAPER
from engine.config.settings import SandboxSettings
from sandbox.levels import BY_NAME

MODEL = '[models.main]\nkind = "simulated"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text)
    return path


def mistakes(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load_config(write(tmp_path, text), overrides)
    return str(caught.value).split("\n")


def test_all_mistakes_are_reported_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = MODEL + '[execution]\npool = "many"\n[prediction]\npair = 3\n[nothing]\nx = 1\n'
    found = mistakes(tmp_path, text)
    assert len(found) == 3
    assert any(line.startswith("run.toml:4: [execution] pool:") for line in found)
    assert any(
        "run.toml:6: [prediction] pair: there is no such setting; did you mean 'pairs'?" in line
        for line in found
    )
    assert any("[nothing]: there is no such setting" in line for line in found)


def test_a_mistyped_key_of_a_model_is_named_with_a_suggestion(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, '[models.main]\nmodel = "m"\nconcurency = 5\n')
    assert mistake == (
        "run.toml:3: [models.main] concurency: there is no such setting; "
        "did you mean 'concurrency'?"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[models.main]\nbase_url = "x"\nmodel = "m"', "http"),
        ("[models.main]\n", "model is missing"),
        (MODEL + "[execution]\npool = 0", "greater than or equal to 1"),
        (MODEL + "[prediction]\nsteps = [9, 4]", "the lower first"),
        (MODEL + "[prediction]\nvariants = { query = 0.0 }", "at least one share"),
        (MODEL + '[inference]\nmodel = "other"', r"no section [models.other]; there are: main"),
        (MODEL + '[source]\nformat = "parsed"\n[output]\nuntil = "unified"', "does not come after"),
        (MODEL + '[source]\nformat = "messages"', "need the file of their programs"),
        (MODEL + "[limits]\nbudget_usd = 5.0", "a budget needs prices"),
        (MODEL + '[verification]\nequality = "loose"', "'close', 'paper' or 'strict'"),
        (MODEL + "[execution]\npool = true", "integer"),
        ("[run\n", "no TOML"),
    ],
)
def test_a_wrong_setting_is_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    found = mistakes(tmp_path, text)
    assert len(found) == 1
    assert message in found[0]


def test_a_missing_run_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")


def test_overrides_are_laid_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, MODEL + "[execution]\npool = 5\n")
    config = load_config(
        path,
        [
            "execution.pool=7",
            "output.dir=other",
            "models.main.concurrency=3",
            "source.path=['a','b']",
        ],
    )
    assert (config.execution.pool, config.output.dir, config.models["main"].concurrency) == (
        7,
        "other",
        3,
    )
    assert config.source.path == ["a", "b"]


@pytest.mark.parametrize("override", ["pool=3", "execution.pool", "=3", "execution..pool=1"])
def test_an_override_of_another_form_is_refused(tmp_path: Path, override: str) -> None:
    assert "section.key=value" in mistakes(tmp_path, MODEL, override)[0]


def test_an_override_is_held_to_the_same_rules(tmp_path: Path) -> None:
    assert "did you mean 'pool'" in mistakes(tmp_path, MODEL, "execution.poool=3")[0]


def test_the_paper_profile_sets_what_the_file_leaves_open() -> None:
    base = {"models": {"main": {"kind": "simulated"}}, "run": {"profile": "paper"}}
    config = config_of(base, Path())
    assert config.verification.equality == PAPER["verification"]["equality"]
    assert config.prediction.steps == []
    assert (
        config_of({**base, "verification": {"equality": "strict"}}, Path()).verification.equality
        == "strict"
    )


@pytest.mark.parametrize(
    ("format_", "until", "transform", "inference"),
    [
        ("raw", "questions", False, False),
        ("raw", "unified", True, False),
        ("unified", "parsed", False, False),
        ("parsed", "messages", False, False),
        ("parsed", "samples", False, True),
        ("messages", "generations", False, True),
        ("generations", "verified", False, False),
        ("verified", "revision", False, False),
        ("revision", "generations", False, True),
    ],
)
def test_only_models_between_format_and_until_are_needed(
    format_: str, until: str, transform: bool, inference: bool
) -> None:
    config = config_of(
        {
            "models": {"main": {"kind": "simulated"}},
            "source": {"format": format_, "parsed": "p.jsonl"},
            "output": {"until": until},
        },
        Path(),
    )
    assert (config.reach.transform, config.reach.inference) == (transform, inference)


def test_every_level_of_isolation_can_be_named_and_nothing_else() -> None:
    field = SandboxSettings.model_fields["isolation"]
    assert get_args(field.annotation) == ("auto", *BY_NAME)
