"""Drafts into programs, in the real sandbox: what a sound one yields, and what becomes of each kind
of fault."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sandbox import Limits, Sandbox
from stages.execution.profile import CLEAN, PAPER, Profile
from stages.execution.review import Review
from stages.execution.runs import EVENTS
from stages.execution.stage import Execution
from stages.likeness.likeness import Likeness
from stages.prompts.templates import load
from stages.records import (
    Answer,
    Attempt,
    Draft,
    Origin,
    Pair,
    Program,
    Reject,
    Sections,
    Tally,
    TransformQuestion,
)
from stages.repair.repair import Repairs
from tests.support.records import CODE, PAIR, SECTIONS, program, reply_of, transform_question

Outcome = Program | TransformQuestion | Reject | Tally


def draft(number: int = 1, origin: str = "f00d", **sections: str) -> Draft:
    changed = replace(SECTIONS, **sections)
    question = replace(transform_question(), origin=Origin(id=origin))
    return Draft(
        question=question,
        number=number,
        sections=changed,
        attempts=(Attempt(answer=Answer(content=reply_of(changed), model="m")),),
    )


def sandbox() -> Sandbox:
    return Sandbox(Limits(), workers=2)


def stage(box: Sandbox, repairs: int = 0, profile: Profile = CLEAN, **counts: int) -> Execution:
    mending = Repairs(
        turns=repairs,
        template=load("repair"),
        explanations=load("faults").parts(),
        modules="numpy",
        limit="400 bytes",
    )
    return Execution(
        sandbox=box,
        profile=profile,
        repairs=mending,
        likeness=Likeness(box),
        **{"pool": 20, "draws": 200, "pairs": 5, **counts},
    )


async def executed(subject: Draft, **options: Any) -> Outcome:
    async with sandbox() as box:
        outcome, *_draws = await stage(box, **options)(subject)
    return outcome


async def sound(subject: Draft, **options: Any) -> Program:
    outcome = await executed(subject, **options)
    assert isinstance(outcome, Program), outcome
    return outcome


async def refused(subject: Draft, **options: Any) -> Reject:
    outcome = await executed(subject, **options)
    assert isinstance(outcome, Reject), outcome
    assert (outcome.kind, outcome.id) == ("program", subject.id)
    return outcome


async def test_a_sound_program_yields_its_pairs() -> None:
    found = await sound(draft())
    assert len(found.pairs) == 5
    assert len({pair.output for pair in found.pairs}) == 5
    for pair in found.pairs:
        arguments: dict[str, int] = json.loads(pair.input)
        assert pair.output == str(arguments["a"] + arguments["b"])
        assert pair.steps == 2 * arguments["b"] + 3
        assert pair.lines == (2, 3, 4, 5)
    assert found.gated
    assert found.tags == ()
    assert found.outputs > 5


async def test_what_generation_learns_is_kept_with_the_program() -> None:
    found = (await sound(draft())).generation.to_json()
    assert (found["raised"], found["distinct"], found["pool"], found["dropped"]) == (0, 20, 20, {})
    assert 20 <= found["draws"] <= 200
    assert found["signature"] == "dict{a: int, b: int} -> int"
    assert found["imports"] == []
    assert found["gate"]["hash_seeds"] == [0, 1, 2, 3]
    assert found["gate"]["clocks"] == [0.0, 86_400.0, 400 * 86_400.0]
    assert found["transform"]["attempts"] == 1
    assert found["environment"]["implementation"] == "CPython"


async def test_the_same_program_gives_the_same_pairs_twice_and_another_id_gives_others() -> None:
    async with sandbox() as box:
        (first,), (second,), (other,) = [await stage(box)(draft(number)) for number in (1, 1, 2)]
    assert isinstance(first, Program)
    assert isinstance(other, Program)
    assert first == second
    assert [pair.input for pair in first.pairs] != [pair.input for pair in other.pairs]


async def test_a_run_in_another_sandbox_gives_the_same_pairs() -> None:
    assert (await sound(draft())).pairs == (await sound(draft())).pairs


MAIN = "def main_solution(a, b):\n"
FAULTY: dict[str, tuple[dict[str, Any], str, str]] = {
    "a module that is not there": ({"code": f"import torch\n{CODE}"}, "module", "torch"),
    "a module that the generator lacks": (
        {"generator": f"import torch\n{SECTIONS.generator}"},
        "module",
        "torch",
    ),
    "a module that is imported in a call": (
        {"code": f"{MAIN}    import torch.nn\n    return a + b\n"},
        "module",
        "torch",
    ),
    "code that fails to load": ({"code": f"x = 1 // 0\n{CODE}"}, "load", "ZeroDivisionError"),
    "a generator that raises": (
        {"generator": "def input_generator():\n    raise ValueError('empty range')\n"},
        "raises",
        "empty range",
    ),
    "a generator of other keys": (
        {"generator": SECTIONS.generator.replace("'b':", "'c':"), "check": ""},
        "signature",
        "'c'",
    ),
    "a generator of too few keys": (
        {"generator": SECTIONS.generator.replace(", 'b': random.randint(1, 9)", ""), "check": ""},
        "signature",
        "'b'",
    ),
    "a generator of a list": (
        {"generator": "import random\n\n\ndef input_generator():\n    return [random.random()]\n"},
        "signature",
        "dictionary",
    ),
    "a generator of sets": (
        {"generator": "def input_generator():\n    return {'a': {1}, 'b': 1}\n"},
        "unjson",
        "$.a: set",
    ),
    "a generator of one input": (
        {"generator": "def input_generator():\n    return {'a': 1, 'b': 1}\n"},
        "few_inputs",
        "1 different",
    ),
    "inputs that are too large": (
        {
            "generator": SECTIONS.generator.replace(
                "random.randint(0, 30)", "'x' * random.randint(500, 900)"
            )
        },
        "too_large",
        "inputs",
    ),
    "calls that raise": ({"code": f"{MAIN}    return [][a + 1]\n"}, "raises", "IndexError"),
    "a set for an output": ({"code": f"{MAIN}    return [{{a, b}}]\n"}, "unjson", "$[0]: set"),
    "NaN for an output": ({"code": f"{MAIN}    return float('nan')\n"}, "unjson", "nan"),
    "outputs that are too large": (
        {"code": f"{MAIN}    return 'x' * (a + 600)\n"},
        "too_large",
        "bytes of JSON",
    ),
    "outputs of too many numbers": (
        {"code": f"{MAIN}    return [a] * (b + 64)\n"},
        "too_large",
        "scalars",
    ),
    "calls that never end": (
        {"code": f"{MAIN}    while True:\n        a += 1\n"},
        "long",
        str(EVENTS),
    ),
    "a call that ends the interpreter": (
        {"code": f"import os\n{MAIN}    os._exit(3)\n"},
        "crash",
        "3",
    ),
    "a check that refuses an input": (
        {"check": "def input_check(a, b):\n    return a > 15\n"},
        "input_check",
        "It refuses",
    ),
    "a check that raises": (
        {"check": "def input_check(a):\n    return True\n"},
        "input_check",
        "TypeError",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
async def test_a_program_is_rejected_for(fault: str) -> None:
    sections, reason, detail = FAULTY[fault]
    given = await refused(draft(**sections), pool=4)
    assert given.reason == reason
    assert detail in given.detail


IRREPRODUCIBLE = {
    "random": f"import random\n{MAIN}    return a + random.random()\n",
    "clock": f"import time\n{MAIN}    return a + time.time_ns()\n",
    "hash_order": (
        f"{MAIN}    return a, ''.join({{'one', 'two', 'three', 'four', 'five', 'six', 'seven'}})\n"
    ),
    "state": f"CALLS = []\n{MAIN}    CALLS.append(a)\n    return a, len(CALLS)\n",
}


@pytest.mark.parametrize("cause", IRREPRODUCIBLE)
async def test_a_program_whose_result_depends_on_more_than_its_arguments_is_rejected(
    cause: str,
) -> None:
    given = await refused(draft(code=IRREPRODUCIBLE[cause]), pool=8)
    assert given.reason == cause


async def test_without_the_gate_nothing_is_run_again() -> None:
    found = await sound(draft(code=IRREPRODUCIBLE["random"]), profile=PAPER)
    assert not found.gated
    assert found.generation.to_json()["gate"] is None


async def test_a_fault_goes_to_a_repair_turn_while_there_is_one() -> None:
    outcome = await executed(draft(code=f"{MAIN}    return [][a + 1]\n"), repairs=1, pool=4)
    assert isinstance(outcome, TransformQuestion)
    assert outcome.draft is not None
    assert outcome.draft.fallback is None
    assert "IndexError" in outcome.messages[-1]["content"]


async def test_a_module_is_looked_for_before_anything_runs() -> None:
    given = await refused(draft(code=f"import torch\nx = 1 // 0\n{CODE}"))
    assert given.reason == "module"


CONSTANT = f"{MAIN}    total = a\n    return 7\n"
SKEWED = f"{MAIN}    if a == 3:\n        return b\n    return 0\n"


@pytest.mark.parametrize(("code", "tag"), [(CONSTANT, "constant"), (SKEWED, "skewed")])
async def test_a_pool_of_nearly_one_output_goes_to_repair_and_then_stands_by_its_tag(
    code: str, tag: str
) -> None:
    async with sandbox() as box:
        (asked,) = await stage(box, repairs=1)(draft(code=code))
        assert isinstance(asked, TransformQuestion)
        assert asked.draft is not None
        assert asked.draft.fallback is not None
        again = replace(
            asked.draft,
            attempts=(*asked.draft.attempts, Attempt(answer=Answer(content="As it was."))),
        )
        stands, *_rest = await stage(box, repairs=1)(again)
    assert "inputs" in asked.messages[-1]["content"]
    assert isinstance(stands, Program)
    assert stands.tags == (tag,)
    assert stands.gated
    assert stands.modal_share >= 0.8
    assert stands.generation.to_json()["transform"]["errors"] == [tag, tag]
    assert len(stands.pairs) == 5


async def test_a_repair_that_breaks_a_constant_program_leaves_it_as_it_was() -> None:
    async with sandbox() as box:
        (asked,) = await stage(box, repairs=1)(draft(code=CONSTANT))
        assert isinstance(asked, TransformQuestion)
        assert asked.draft is not None
        broken = replace(SECTIONS, code=f"{MAIN}    return [][a + 1]\n")
        attempts = (*asked.draft.attempts, Attempt(answer=Answer(content="Now.")))
        stands, *_rest = await stage(box, repairs=1)(
            replace(asked.draft, sections=broken, attempts=attempts)
        )
    assert isinstance(stands, Program)
    assert stands.sections.code == CONSTANT
    assert stands.tags == ("constant",)
    assert stands.generation.to_json()["transform"]["errors"] == ["constant", "raises"]


async def test_the_paper_profile_keeps_a_constant_program_and_reports_nothing() -> None:
    found = await sound(draft(code=CONSTANT), profile=PAPER)
    assert (found.tags, found.outputs) == ((), 1)


async def test_inputs_that_give_no_pair_are_dropped_and_counted_while_they_are_few() -> None:
    code = (
        f"{MAIN}    if a == 30:\n"
        "        raise ValueError(a)\n"
        "    return 'x' * 600 if a == 29 else a * b\n"
    )
    found = await sound(draft(code=code), pool=100, draws=400)
    assert set(found.generation.to_json()["dropped"]) == {"raises", "too_large"}
    assert (
        found.generation.to_json()["pool"] + sum(found.generation.to_json()["dropped"].values())
        == found.generation.to_json()["distinct"]
        == 100
    )


async def test_a_generator_that_raises_now_and_then_is_counted() -> None:
    generator = SECTIONS.generator.replace(
        "    return", "    if random.random() < 0.2:\n        raise ValueError\n    return"
    )
    found = await sound(draft(generator=generator))
    assert 0 < found.generation.to_json()["raised"] < found.generation.to_json()["draws"] / 2


async def test_a_pair_beyond_the_bound_of_steps_keeps_its_value_and_is_tagged_long() -> None:
    code = (
        f"{MAIN}    total = a\n"
        "    for _ in range(200_000 if a > 15 else 2):\n"
        "        total += 1\n"
        "    return total\n"
    )
    found = await sound(draft(code=code), pool=6, pairs=6)
    values = {pair.output: pair.tags for pair in found.pairs}
    assert {tags for output, tags in values.items() if int(output) >= 200_000} == {("long",)}
    assert {tags for output, tags in values.items() if int(output) < 200_000} == {()}


async def test_an_argument_that_is_changed_is_recorded_as_it_was_given() -> None:
    code = "def main_solution(items):\n    items.sort()\n    return items.pop()\n"
    generator = (
        "import random\n\n\n"
        "def input_generator():\n"
        "    return {'items': [random.randint(0, 9) for _ in range(4)]}\n"
    )
    found = await sound(draft(code=code, generator=generator, check=""))
    assert all(pair.mutates for pair in found.pairs)
    assert {len(json.loads(pair.input)["items"]) for pair in found.pairs} == {4}


async def test_a_tuple_is_recorded_as_a_list_and_named_as_coerced() -> None:
    found = await sound(draft(code=f"{MAIN}    return a, {{b: a}}\n"))
    assert {pair.coerced for pair in found.pairs} == {("key", "tuple")}
    assert found.generation.to_json()["signature"].startswith("dict{a: int, b: int} -> list[")


async def test_a_generator_may_lean_on_what_the_code_defines() -> None:
    code = f"from __future__ import annotations\nimport random\nTOP = 30\n{CODE}"
    generator = (
        "from __future__ import annotations\n\n\ndef input_generator():\n"
        "    return {'a': random.randint(0, TOP), 'b': random.randint(1, 9)}\n"
    )
    assert len((await sound(draft(code=code, generator=generator))).pairs) == 5


# Programs that come with recorded pairs


def recorded(code: str = CODE, *pairs: Pair, **changes: object) -> Program:
    sections = Sections(code=code, description="", generator="", statement="")
    bare = Pair(input=PAIR.input, output=PAIR.output)
    return program(sections=sections, pairs=pairs or (bare,), gated=False, **changes)


async def reviewed(subject: Program) -> Program | Reject:
    async with sandbox() as box:
        (outcome,) = await Review(box, CLEAN, Likeness(box, clusters=False))(subject)
    return outcome


async def test_a_recorded_pair_that_reproduces_gets_its_steps_and_lines() -> None:
    subject = recorded()
    outcome = await reviewed(subject)
    assert isinstance(outcome, Program)
    assert outcome.pairs == (
        Pair(input=PAIR.input, output=PAIR.output, steps=9, lines=(2, 3, 4, 5)),
    )
    assert outcome.gated
    assert outcome.generation.to_json()["gate"]["hash_seeds"] == [0, 1, 2, 3]


async def test_a_program_of_our_own_is_passed_on_without_a_run() -> None:
    subject = program(sections=replace(SECTIONS, code="import torch"))
    assert await reviewed(subject) == subject


async def test_a_recorded_pair_that_does_not_reproduce_rejects_the_program() -> None:
    outcome = await reviewed(
        recorded(
            CODE, Pair(input=PAIR.input, output="5"), Pair(input='{"a": 1, "b": 1}', output="3")
        )
    )
    assert isinstance(outcome, Reject)
    assert outcome.reason == "mismatch"
    assert "gave 3, now 2" in outcome.detail


async def test_a_recorded_float_within_the_tolerance_becomes_what_this_guest_gives() -> None:
    outcome = await reviewed(
        recorded(
            "def main_solution(a):\n    return a / 3\n", Pair(input='{"a": 1}', output="0.33333")
        )
    )
    assert isinstance(outcome, Program)
    assert outcome.pairs[0].output == "0.3333333333333333"


async def test_a_recorded_program_without_its_module_is_rejected() -> None:
    outcome = await reviewed(recorded(f"import torch\n{CODE}"))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.detail) == ("module", "Not there: torch.")


async def test_an_invalid_recorded_pair_keeps_its_place_and_is_not_run() -> None:
    invalid = Pair(input="null", output="null", tags=("invalid",))
    outcome = await reviewed(recorded(CODE, invalid, Pair(input=PAIR.input, output=PAIR.output)))
    assert isinstance(outcome, Program)
    assert outcome.pairs[0] == invalid
    assert outcome.pairs[1].steps == 9


async def test_a_program_with_none_but_invalid_pairs_is_rejected() -> None:
    outcome = await reviewed(recorded(CODE, Pair(input="null", output="null", tags=("invalid",))))
    assert isinstance(outcome, Reject)
    assert outcome.reason == "no_pairs"


SORTING = "def main_solution(items):\n    items.sort()\n    return items\n"


async def test_a_recorded_pair_whose_argument_is_changed_is_tagged() -> None:
    outcome = await reviewed(
        recorded(
            SORTING,
            Pair(input='{"items": [2, 1]}', output="[1, 2]"),
            Pair(input='{"items": [1]}', output="[1]"),
        )
    )
    assert isinstance(outcome, Program)
    assert [(pair.mutates, pair.tags) for pair in outcome.pairs] == [
        (True, ("input_after_call",)),
        (False, ()),
    ]


async def test_reviewing_a_program_twice_is_reviewing_it_once() -> None:
    once = await reviewed(recorded(SORTING, Pair(input='{"items": [2, 1]}', output="[1, 2]")))
    assert isinstance(once, Program)
    assert await reviewed(once) == once


async def test_draws_that_gave_no_pair_are_one_line_with_their_count() -> None:
    code = (
        "def main_solution(a, b):\n    if a == 2:\n        raise ValueError('two')\n"
        "    total = 0\n    for i in range(a):\n        total += i * b\n    return total\n"
    )
    subject = draft(code=code)
    async with sandbox() as box:
        outcomes = await stage(box)(subject)
    assert [type(outcome) for outcome in outcomes] == [Program, Reject]
    program, line = outcomes
    assert isinstance(program, Program)
    assert isinstance(line, Reject)
    assert (line.kind, line.id, line.reason) == ("draw", program.id, "no_pair")
    assert line.more["count"] == program.generation.to_json()["dropped"]["raises"] > 0
