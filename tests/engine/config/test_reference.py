"""The documents that are written from the settings: the run file, the page and the schema."""

import json
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.commands import settings as verb
from engine.config.loading import load_config
from engine.config.models import ModelSettings
from engine.config.reference import (
    FORMATS,
    SCHEMA_FILE,
    STARTER,
    WIDTH,
    Group,
    Setting,
    groups,
    json_schema,
    markdown,
    render,
    run_file,
    toml,
)
from engine.config.settings import Config

ROOT = Path(__file__).parents[3]
RUN_FILE = resources.files("engine").joinpath("starter", "run.toml")
COMMAND_OF_PAGE = "codeio settings --format markdown > docs/settings.md"
COMMAND_OF_RUN_FILE = (
    "python -c 'from engine.config.reference import SCHEMA_FILE, run_file; "
    'print(run_file(True, schema=SCHEMA_FILE), end="")\''
    " > engine/starter/run.toml"
)
SCHEMA = json.loads(json_schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = {"model": "deepseek-chat", "api_key_env": "MY_API_KEY"}
"""What the commented-out model shows in place of its defaults, which say nothing."""


def every_part() -> list[tuple[str, Setting]]:
    """Each setting with the name of its group, tables in sections included."""
    tables = [table for group in groups() for table in group.tables]
    return [(group.name, part) for group in (*groups(), *tables) for part in group.settings]


def default_of(group: str, name: str) -> Any:
    """The default of a setting, from the models themselves."""
    value: Any = Config()
    for key in f"{group}.{name}".replace("models.*", "models").split("."):
        value = ModelSettings.model_construct() if key == "models" else getattr(value, key)
    return value


def uncommented(text: str) -> dict[str, Any]:
    """The real model of a run file, with the marks before its lines taken away."""
    block = text.split("uncomment the lines below.\n")[1].split("\n\n")[0]
    assert all(line.startswith("# ") for line in block.splitlines())
    parsed: dict[str, Any] = tomllib.loads(re.sub(r"^# ", "", block, flags=re.MULTILINE))
    return parsed["models"]["main"]  # type: ignore[no-any-return]


def test_the_page_is_the_one_that_the_settings_give() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == markdown(), f"rewrite it: {COMMAND_OF_PAGE}"


def test_the_starters_run_file_is_the_one_that_the_settings_give() -> None:
    text = run_file(starter=True, schema=SCHEMA_FILE)
    assert RUN_FILE.read_text("utf-8") == text, f"rewrite: {COMMAND_OF_RUN_FILE}"


@pytest.mark.parametrize("starter", [False, True])
def test_a_run_file_loads_and_gives_the_defaults(tmp_path: Path, starter: bool) -> None:
    (tmp_path / "run.toml").write_text(run_file(starter))
    config = load_config(tmp_path / "run.toml")
    model = config.models["main"]
    changed = {"kind": "simulated"} | ({"concurrency": 32} if starter else {})
    assert model.model_dump() == {**ModelSettings.model_construct().model_dump(), **changed}
    assert config.source.path == (["code/*.py"] if starter else [])
    bare = config.model_copy(update={"models": {}, "source": Config().source, "base": Path()})
    assert bare == Config()


@pytest.mark.parametrize("starter", [False, True])
def test_a_run_file_shows_every_setting(starter: bool) -> None:
    text = run_file(starter)
    shown = tomllib.loads(text)
    for section, values in shown.items():
        if section != "models":
            for name, value in values.items():
                default = toml_value(default_of(section, name))
                assert STARTER.get(f"{section}.{name}") == value or value == default
    for group in groups():
        part = next(iter(shown["models"].values())) if group.name == "models.*" else None
        names = [setting.name for setting in group.settings]
        names += [table.name.rpartition(".")[2] for table in group.tables]
        for name in names:
            there = name in (shown[group.name] if part is None else part)
            assert there or re.search(rf"^# {name} = ", text, re.MULTILINE), (group.name, name)


def toml_value(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value


def test_what_has_no_default_is_shown_commented_out_in_its_section() -> None:
    sections = dict(re.findall(r"^\[([^\]]+)\]\n((?:[^\[\n].*\n)*)", run_file(), re.MULTILINE))
    unset = [(group, part.name) for group, part in every_part() if part.default is None]
    assert ("revision", "temperature") in unset
    for group, name in unset:
        assert re.search(rf"^# {name} = ", sections[group], re.MULTILINE)
        assert name not in tomllib.loads(f"[x]\n{sections[group]}")["x"]


def test_the_real_model_shows_its_defaults_once_uncommented() -> None:
    shown = uncommented(run_file())
    expected = ModelSettings.model_validate(EXAMPLES).model_dump()
    assert ModelSettings.model_validate(shown).model_dump() == expected
    simulated = {part.name for _, part in every_part() if part.only == "simulated"}
    assert set(shown) == set(ModelSettings.model_fields) - simulated


def test_only_the_servers_settings_are_missing_from_the_simulated_model() -> None:
    shown = tomllib.loads(run_file())["models"]["main"]
    (models,) = (group for group in groups() if group.name == "models.*")
    assert set(shown) == {part.name for part in models.settings if part.only != "openai"}


@pytest.mark.parametrize("starter", [False, True])
def test_a_run_file_fits_the_width(starter: bool) -> None:
    assert max(map(len, run_file(starter, schema="./run.schema.json").splitlines())) <= WIDTH


def test_the_comment_of_a_setting_is_whole() -> None:
    """Each meaning stands in the file, however it was broken into lines."""
    flat = " ".join(re.sub(r"^(# )*#?", "", line).strip() for line in run_file().splitlines())
    for _, part in every_part():
        assert " ".join(part.meaning.split()) in re.sub(r"\s+", " ", flat.replace(" # ", " "))


def test_a_schema_is_named_only_where_one_is_there() -> None:
    assert "#:schema" not in run_file()
    assert run_file(schema="./run.schema.json").startswith("#:schema ./run.schema.json\n# ")


VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(VALUES)
def test_toml_reads_back_what_was_written(value: Any) -> None:
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value


def test_toml_has_nothing_for_null() -> None:
    with pytest.raises(TypeError):
        toml([None])


def test_the_page_has_a_table_for_every_group_and_a_row_for_every_setting() -> None:
    parts = re.split(r"^###? `\[(.+)\]`$", markdown(), flags=re.MULTILINE)
    tables = dict(zip(parts[1::2], parts[2::2], strict=True))
    for group, part in every_part():
        row = next(
            line for line in tables[group].splitlines() if line.startswith(f"| `{part.name}` ")
        )
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        default = default_of(group, part.name)
        assert cells[1] == ("unset" if default is None else f"`{toml(default)}`")
        assert cells[2:] == [part.measure, part.meaning, part.why]
    assert len(tables) == len({group for group, _ in every_part()})


def test_a_table_has_five_cells_in_every_row() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6}


def test_the_page_links_to_pages_that_are_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", markdown()):
        assert (ROOT / "docs" / name).is_file(), name


def test_the_schema_is_valid_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["description"]
    assert "base" not in SCHEMA["properties"]


def test_every_setting_in_the_schema_says_what_it_is() -> None:
    for part in SCHEMA["$defs"].values():
        for name, schema in part["properties"].items():
            if "$ref" not in schema:
                assert schema["title"] == name
                assert "Why: " in schema["description"]
    timeout = SCHEMA["$defs"]["ModelSettings"]["properties"]["timeout_s"]
    assert "Unit: s." in timeout["description"]


@pytest.mark.parametrize("text", [run_file(), run_file(starter=True), ""])
def test_the_schema_accepts_a_run_file(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


def test_the_schema_accepts_the_real_model() -> None:
    VALIDATOR.validate({"models": {"a": uncommented(run_file()), "b": {"kind": "simulated"}}})


@pytest.mark.parametrize("section", [*tomllib.loads(run_file()), ""])
def test_the_schema_rejects_an_unknown_key(section: str) -> None:
    wrong: dict[str, Any] = {"nothing": {}} if not section else {section: {"nothing": 1}}
    if section == "models":
        wrong = {"models": {"main": {"nothing": 1}}}
    assert not VALIDATOR.is_valid(wrong)


@pytest.mark.parametrize(
    ("section", "name", "value", "valid"),
    [
        ("source", "path", "a", True),
        ("source", "path", ["a", "b"], True),
        ("source", "path", 1, False),
        ("source", "format", "samples", False),
        ("revision", "top_p", 0.5, True),
        ("revision", "top_p", 0, False),
        ("revision", "stop", "x", False),
        ("prediction", "variants", {"query": 1}, True),
        ("prediction", "variants", {"others": 1}, False),
        ("prediction", "skip", ["guess"], True),
        ("prediction", "skip", ["guessed"], False),
        ("sandbox", "cpu_s", 5, True),
        ("sandbox", "cpu_s", 0, False),
        ("limits", "max_files", -1, False),
    ],
)
def test_the_schema_holds_types_bounds_and_choices(
    section: str, name: str, value: Any, valid: bool
) -> None:
    assert VALIDATOR.is_valid({section: {name: value}}) is valid


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("http://a", True),
        (["https://a", "http://b"], True),
        ("a", False),
        (["a"], False),
        ([], False),
    ],
)
def test_the_schema_asks_for_addresses(address: Any, valid: bool) -> None:
    assert VALIDATOR.is_valid({"models": {"m": {"base_url": address}}}) is valid


GUESSES = st.one_of(
    VALUES,
    st.sampled_from(["a", "http://a", ["http://a"], ["input"], ["guess"], "first", "close", "raw"]),
    st.lists(st.integers(0, 9), max_size=2),
    st.floats(0, 1),
    st.integers(0, 9),
)


@settings(deadline=None)
@given(st.sampled_from([entry for entry in every_part() if "*" not in entry[0]]), GUESSES)
def test_the_schema_accepts_all_that_the_engine_accepts(
    entry: tuple[str, Setting], value: Any
) -> None:
    group, part = entry
    given_: dict[str, Any] = {part.name: value}
    for key in reversed(group.split(".")):
        given_ = {key: given_}
    try:
        Config.model_validate(given_)
    except ValidationError:
        return
    assert VALIDATOR.is_valid(given_)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_text_that_ends_its_last_line(name: str) -> None:
    text = render(name)
    assert text == FORMATS[name]()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_the_formats_are_those_of_the_command() -> None:
    assert tuple(FORMATS) == verb.FORMATS == ("toml", "markdown", "json-schema")
    assert render("toml") == run_file()


def test_groups_hold_their_tables() -> None:
    found = {table.name for group in groups() for table in group.tables}
    assert found == {"models.*.price", "prediction.variants"}
    assert all(isinstance(group, Group) and group.meaning for group in groups())
