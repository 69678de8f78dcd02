"""The settings: each one explained, and each as folders that exist have stored it."""

import json
import re
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from engine.config.models import ModelSettings
from engine.config.reach import ORDER
from engine.config.roles import PredictionSettings
from engine.config.section import Section, setting
from engine.config.settings import Config, Format, SourceSettings, Until

DEFAULT = """\
{"run":{"profile":"clean"},\
"source":{"path":[],"format":"raw","code_field":"content","parsed":[]},\
"output":{"dir":"out","until":"samples"},\
"models":{},\
"transform":{"model":"main","prompt":"","temperature":0.7,"max_tokens":8192,"top_p":null,\
"stop":[],"system":"","repairs":2},\
"execution":{"pool":50,"draws":1000,"pairs":10,"clusters":true},\
"prediction":{"pairs":3,"directions":["input","output"],"samples":1,"round":0,"band":[],\
"variants":{"query_code":1.0,"query":0.0,"code":0.0},"steps":[4,10000],\
"skip":["trivial","long","leak","repeated","constant","skewed"]},\
"contamination":{"benchmarks":[]},\
"inference":{"model":"main","prompt":"","temperature":0.7,"max_tokens":4096,"top_p":null,\
"stop":[],"system":""},\
"verification":{"equality":"close","reading":"tolerant","domain":"tag"},\
"revision":{"turns":2,"samples":"first","model":"","prompt":"","temperature":null,\
"max_tokens":null,"top_p":null,"stop":null,"system":null},\
"sandbox":{"workers":0,"isolation":"auto","python":"","cpu_s":5.0,"wall_s":10.0,"memory_mb":512},\
"limits":{"budget_usd":0.0,"budget_tokens":0,"max_files":0,"max_rows":0,\
"live_bytes":1000000000,"bugs":20,"grace_s":30.0,"give_up_s":600.0}}"""
MODEL = """\
{"kind":"simulated","base_url":["http://127.0.0.1:8000/v1"],"model":"","api_key_env":"",\
"concurrency":256,"timeout_s":600.0,"connect_timeout_s":30.0,"read_timeout_s":0.0,\
"requests_per_minute":0.0,"tokens_per_minute":0.0,"hedge":0.0,"headers":{},"headers_env":{},\
"max_tokens_field":"max_tokens","attempts":8,\
"price":{"input":0.0,"cached_input":0.0,"output":0.0,"batch":0.5},"extra_body":{},\
"wrong":0.45,"wrong_again":0.7,"seed":0,"recorded":""}"""
"""Both stand like this in the run.json of folders that exist, which going on compares with."""

UNITS = {
    r"_s$": "s",
    r"_mb$": "MiB",
    r"_bytes$": "bytes",
    r"_usd$": "USD",
    r"^(max|budget)_tokens$": "tokens",
    r"^requests_per_minute$": "requests per minute",
    r"^tokens_per_minute$": "tokens per minute",
    r"^(input|cached_input|output)$": "USD per million tokens",
}
"""The unit that a setting must have, by its name."""
WITHOUT_UNIT = {"temperature", "seed"}
"""The only numbers that are none of anything."""
PRIVATE_WORDS = r"\b(told|tells|foretold|dearest|comes again|hangs on|weather)\b"
MOST_WORDS = 20


def is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def sections_below(section: type[Section]) -> list[type[Section]]:
    below = section.__subclasses__()
    return [*below, *(deeper for one in below for deeper in sections_below(one))]


SECTIONS = sections_below(Section)
SETTINGS = [
    (f"{section.__name__}.{name}", field)
    for section in SECTIONS
    for name, field in section.model_fields.items()
    if section is not Config and not is_group(field)
]
"""Each setting once in each section that has it."""


def known_of(field: FieldInfo) -> dict[str, Any]:
    assert isinstance(field.json_schema_extra, dict)
    return field.json_schema_extra


TEXTS = [
    *((section.__name__, " ".join((section.__doc__ or "").split())) for section in SECTIONS),
    *((f"{name} meaning", field.description or "") for name, field in SETTINGS),
    *((f"{name} why", known_of(field)["why"]) for name, field in SETTINGS),
]
each_setting = pytest.mark.parametrize(
    ("name", "field"),
    [(name.split(".")[1], field) for name, field in SETTINGS],
    ids=[name for name, _ in SETTINGS],
)


def stored(values: Section) -> str:
    return json.dumps(values.model_dump(mode="json"), separators=(",", ":"))


def test_the_stored_settings_of_folders_that_exist_stay_the_same() -> None:
    assert stored(Config()) == DEFAULT
    assert stored(ModelSettings(kind="simulated")) == MODEL


@each_setting
def test_every_setting_has_a_meaning_and_one_reason(name: str, field: FieldInfo) -> None:
    assert field.description
    assert re.fullmatch(r"[A-Z`][^.]*(\d\.\d[^.]*)*\.", known_of(field)["why"]), name


@each_setting
def test_a_setting_has_the_unit_that_its_name_says(name: str, field: FieldInfo) -> None:
    wanted = [unit for pattern, unit in UNITS.items() if re.search(pattern, name)]
    assert not wanted or known_of(field)["unit"] in wanted


@each_setting
def test_every_number_has_a_unit(name: str, field: FieldInfo) -> None:
    numbers = (int, float, int | None, float | None, list[float], list[int])
    is_number = field.annotation in numbers or isinstance(field.default, (int, float))
    if is_number and not isinstance(field.default, bool) and name not in WITHOUT_UNIT:
        assert known_of(field)["unit"]


@pytest.mark.parametrize("text", [text for _, text in TEXTS], ids=[name for name, _ in TEXTS])
def test_what_is_said_of_a_setting_is_plain(text: str) -> None:
    assert text.endswith(".")
    assert not re.search(PRIVATE_WORDS, text, re.IGNORECASE)
    assert ";" not in text
    sentences = re.split(r"(?<=[.])\s+", text)
    assert max(len(sentence.split()) for sentence in sentences) <= MOST_WORDS


def test_no_number_may_be_negative_but_the_seed() -> None:
    negative = set()
    for section in SECTIONS:
        for name, schema in section.model_json_schema().get("properties", {}).items():
            for part in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
                if part.get("type") in ("integer", "number"):
                    bounded = "minimum" in part or "exclusiveMinimum" in part
                    negative |= set() if bounded else {name}
    assert negative == {"seed"}


def test_rows_enter_and_leave_at_the_boundaries_in_their_order() -> None:
    assert (*get_args(Format), "samples") == ORDER
    assert ("raw", *get_args(Until)) == ORDER


@pytest.mark.parametrize(
    ("given", "paths"),
    [("a", ["a"]), ("", []), ([], []), (["a", "b"], ["a", "b"])],
)
def test_one_text_stands_for_a_list_of_one(given: Any, paths: list[str]) -> None:
    source = SourceSettings.model_validate({"path": given, "parsed": given})
    assert source.path == source.parsed == paths


@pytest.mark.parametrize("given", ["", [], ["http://a", "b"], "ftp://a", [1], None])
def test_an_address_is_asked_for_with_its_scheme(given: Any) -> None:
    with pytest.raises(ValidationError):
        ModelSettings.model_validate({"model": "m", "base_url": given})


def test_a_setting_keeps_the_bounds_that_it_is_given() -> None:
    class Bounded(Section):
        number: int = setting(3, "A number.", why="Three is enough.", ge=1, lt=5)
        words: list[str] = setting(["a"], "Words.", why="One is enough.", min_length=1)

    assert Bounded().number == 3
    mistakes: list[dict[str, Any]] = [{"number": 0}, {"number": 5}, {"number": 3.0}, {"words": []}]
    for mistake in mistakes:
        with pytest.raises(ValidationError):
            Bounded.model_validate(mistake)


def test_two_sections_share_no_default() -> None:
    assert PredictionSettings().steps is not PredictionSettings().steps
    one, other = (ModelSettings(kind="simulated") for _ in range(2))
    assert one.base_url is not other.base_url
    assert one.extra_body is not other.extra_body
