"""What programs are like: rewrites are found by what they do, look-alikes are kept apart, and text
is a second net."""

import asyncio
import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Drawing, Limits, Sandbox
from stages.likeness.clusters import (
    BANDS,
    VERSION,
    Probing,
    bands,
    fingerprint,
    grouped,
    keys,
    text_of,
)
from stages.likeness.probes import PROBES, bank
from stages.records import Cluster, Origin, Pair, Program, Sections
from stages.values.types import Type, merged, parameters, type_of, typed

FOLDER = Path(__file__).parents[2] / "planted" / "rewrites"
CORPUS = {path.stem: tomllib.loads(path.read_text()) for path in sorted(FOLDER.glob("*.toml"))}
REWRITES_FOUND = 0.95


def made(name: str, code: str, inputs: list[str]) -> Program:
    pairs = tuple(Pair(input=text, output="0") for text in inputs)
    return Program(
        id=name,
        origin=Origin(id=name),
        sections=Sections(code=code, description="", generator="", statement=""),
        pairs=pairs,
    )


async def drawn(box: Sandbox, name: str, code: str, generator: str) -> Program:
    """The program with ten inputs of its own generator, seeded by its name."""
    drawing = Drawing(
        code=f"{code}\n{generator}",
        entrypoint="input_generator",
        calls=100,
        distinct=10,
        seed=len(name),
        value_bytes=4096,
        cpu_s=5,
    )
    draws = await box.draw(drawing)
    assert draws.run.status == "ok", (name, draws.run.error)
    return made(name, code, list(draws.values))


async def clusters(box: Sandbox, programs: list[tuple[str, str, str]]) -> dict[str, str | None]:
    async def one(name: str, code: str, generator: str) -> tuple[str, str | None]:
        return name, await Probing(box).behaviour(await drawn(box, name, code, generator))

    return dict(await asyncio.gather(*(one(*program) for program in programs)))


async def test_rewrites_are_found_and_no_look_alike_is_merged() -> None:
    programs: list[tuple[str, str, str]] = []
    for name, entry in CORPUS.items():
        programs.append((f"{name} original", entry["code"], entry["generator"]))
        for number, rewrite in enumerate(entry["rewrite"]):
            programs.append((f"{name} rewrite {number}", rewrite["code"], rewrite["generator"]))
        for number, lookalike in enumerate(entry["lookalike"]):
            programs.append((f"{name} lookalike {number}", lookalike["code"], entry["generator"]))
    async with Sandbox(Limits(), workers=2) as box:
        found = await clusters(box, programs)
    rewrites = [name for name in found if " rewrite " in name]
    lookalikes = [name for name in found if " lookalike " in name]
    assert len(rewrites) >= 50
    assert len(lookalikes) >= 50
    originals = {
        cluster: name for name, cluster in found.items() if name.endswith("original") and cluster
    }
    assert len(originals) == sum(name.endswith("original") for name in found), (
        "each original has a cluster of its own"
    )
    missed = [
        name for name in rewrites if found[name] != found[f"{name.split(' rewrite ')[0]} original"]
    ]
    assert len(missed) <= (1 - REWRITES_FOUND) * len(rewrites), missed
    assert [name for name in lookalikes if found[name] in originals] == []


async def test_a_program_that_the_probes_break_is_probed_one_by_one() -> None:
    code = (
        "import os\n\n\n"
        "def main_solution(n):\n"
        "    if n == 3:\n"
        "        os._exit(1)\n"
        "    return n * n\n"
    )
    async with Sandbox(Limits(), workers=2) as box:
        whole = await Probing(box).behaviour(made("a", code, ['{"n": 1}']))
        same = await Probing(box).behaviour(
            made("b", code.replace("n * n", "n ** 2"), ['{"n": 5}'])
        )
        other = await Probing(box).behaviour(
            made("c", code.replace("n * n", "n * 2"), ['{"n": 5}'])
        )
    assert whole == same
    assert other not in (None, whole)


@pytest.mark.parametrize(
    "code",
    [
        "def main_solution(n):\n    return 7\n",
        "def main_solution(n):\n    raise ValueError(n)\n",
        "def main_solution(n):\n    return 1 if n == 3 else 0\n",
    ],
)
async def test_what_says_too_little_has_no_behaviour(code: str) -> None:
    async with Sandbox(Limits(), workers=1) as box:
        assert await Probing(box).behaviour(made("a", code, ['{"n": 1}'])) is None


async def test_a_loop_that_does_not_end_is_a_probe_without_a_value() -> None:
    code = "def main_solution(n):\n    while n > 20:\n        pass\n    return n * 3\n"
    async with Sandbox(Limits(), workers=1) as box:
        assert await Probing(box).behaviour(made("a", code, ['{"n": 1}'])) is not None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), VALUES, min_size=1), min_size=1, max_size=4
    )
)
def test_equal_types_give_equal_probes_whatever_the_arguments_are_called(
    inputs: list[dict[str, object]],
) -> None:
    arguments = typed(inputs, ("a", "b"))
    renamed = [({"a": "x", "b": "y"}[name], type_) for name, type_ in arguments]
    probes = [list(json.loads(text).values()) for text in bank(arguments)]
    assert probes == [list(json.loads(text).values()) for text in bank(renamed)]
    assert len(probes) <= PROBES


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_the_order_of_the_values_does_not_change_their_type(values: list[object]) -> None:
    scalars = [value for value in values if not isinstance(value, (dict, list))]
    assert merged(map(type_of, scalars)) == merged(map(type_of, reversed(scalars)))


def test_arguments_come_in_the_order_of_the_parameters() -> None:
    code = "def other(z):\n    pass\n\n\ndef main_solution(b, a=1, *, c):\n    pass\n"
    assert parameters(code, "main_solution") == ("b", "a", "c")
    assert [name for name, _ in typed([{"a": 1, "b": 2, "c": 3}], ("b", "a", "c"))] == [
        "b",
        "a",
        "c",
    ]
    assert parameters("def main_solution(:", "main_solution") == ()


def test_numbers_are_compared_to_six_digits_and_one_is_one() -> None:
    outputs = [str(number / 7) for number in range(1, 21)]
    near = [str(number / 7 + 1e-9) for number in range(1, 21)]
    assert fingerprint(["int"], outputs) == fingerprint(["int"], near)
    assert fingerprint(["int"], [str(float(n)) for n in range(20)]) == fingerprint(
        ["int"], [str(n) for n in range(20)]
    )
    assert fingerprint(["int"], outputs) != fingerprint(["str"], outputs)


STATEMENT = (
    "A depot keeps a list of parcels with their weights, and a lorry takes them in the order "
    "in which they came. "
) * 3


def test_texts_that_differ_in_a_word_share_a_band_and_others_do_not() -> None:
    text = (
        STATEMENT + "How many journeys does the lorry make until the last of the `weights` is gone?"
    )
    assert set(bands(text)) & set(bands(text.replace("journeys", "trips")))
    assert bands(text) == bands(text.upper())
    assert not set(bands(text)) & set(
        bands("Which of the `words` reads the same from both ends, and is the longest?")
    )
    assert len(bands("")) == BANDS


def test_comments_and_layout_do_not_count_as_text() -> None:
    one = made("a", "def main_solution(n):\n    # doubles\n    return n*2\n", [])
    other = made("b", "def main_solution(n):\n\n    return (n * 2)\n", [])
    assert text_of(one) == text_of(other)


def test_groups_are_closed_under_likeness_and_named_by_their_lowest_id() -> None:
    tags = {"d": ("B1", "t1"), "b": ("B1", "t2"), "c": (None, "t2"), "a": (None, "t3")}
    clusters = [
        (id_, Cluster(VERSION, behaviour, (text,))) for id_, (behaviour, text) in tags.items()
    ]
    assert (
        grouped(clusters) == grouped(reversed(clusters)) == {"d": "b", "b": "b", "c": "b", "a": "a"}
    )
    assert keys(Cluster(VERSION, None, ())) == ()


def test_the_probes_are_those_that_the_clusters_of_this_version_were_made_with() -> None:
    """Other probes give other clusters: they need another VERSION."""
    record: Type = ("record", {"x": "float", "y": "bool"})
    arguments: list[tuple[tuple[str, Type], ...]] = [
        (("a", "str"),),
        (("a", "int"),),
        (("a", ("list", "int")), ("b", "str")),
        (("a", record), ("b", ("map", "null"))),
    ]
    texts = "\n".join(text for one in arguments for text in bank(one))
    assert VERSION == 1
    assert hashlib.sha256(texts.encode()).hexdigest() == (
        "658bc44259a9d01e384c1d295711a5e81b29bd3561153d461f72c6e635940992"
    )
