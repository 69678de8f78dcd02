"""The simulated model: it knows the starter, says what really happened in a run, and is wrong as
often as set."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox import Limits, PrioritySemaphore, Sandbox, Trace
from stages.errors import Misconfigured
from stages.inference import ChatRequest, Hint, Sampling
from stages.inference.simulated import CHANGES, SimulatedModel, slipped
from stages.records import Direction
from stages.transform.sections import Declined, merged, read
from stages.verification.answers import find
from tests.support.records import CODE
from tests.support.runs import starter_files

SENTENCE = re.compile(r"`(\w+)` (?:is|becomes) (.+)\.$", re.MULTILINE)


@asynccontextmanager
async def simulated(
    *, wrong: float = 0.45, wrong_again: float = 0.7
) -> AsyncIterator[SimulatedModel]:
    async with Sandbox(Limits(), workers=2) as box:
        yield SimulatedModel(
            name="simulated",
            sandbox=box,
            semaphore=PrioritySemaphore(4),
            wrong=wrong,
            wrong_again=wrong_again,
        )


def asked(text: str, hint: Hint | None = None, said: tuple[str, ...] = ()) -> ChatRequest:
    messages = [{"role": "user", "content": text}]
    for answer in said:
        messages += [
            {"role": "assistant", "content": answer},
            {"role": "user", "content": "It does not work."},
        ]
    return ChatRequest(model="simulated", messages=tuple(messages), sampling=Sampling(), hint=hint)


async def test_every_starter_file_has_a_sound_program_or_a_decline_after_its_repairs() -> None:
    sound = declined = 0
    async with simulated() as model:
        for path in starter_files():
            text = Path(path).read_text()
            found = read((await model.complete(asked(f"Rewrite:\n{text}"))).content)
            if isinstance(found, Declined):
                declined += 1
                continue
            (part,) = found
            fault, sections = part.fault, part.sections
            mended = merged(sections, (await model.complete(asked(text, said=("first",)))).content)
            sound += fault is None or mended != sections
    assert (sound, declined) == (28, 2)


async def test_a_file_that_is_not_recorded_is_declined() -> None:
    async with simulated() as model:
        assert (await model.complete(asked("def f(): ..."))).content.startswith("DECLINED: other")


@pytest.mark.parametrize("direction", ["input", "output"])
async def test_a_rationale_names_variables_with_values_that_they_had(direction: Direction) -> None:
    hint = Hint(
        code=CODE,
        entrypoint="main_solution",
        direction=direction,
        input='{"a": 2, "b": 3}',
        output="5",
    )
    async with simulated() as model:
        content = (await model.complete(asked("q", hint))).content
        run = await model.sandbox.run(
            CODE, "main_solution", hint.input, trace=Trace(changes=CHANGES)
        )
    had = {("a", "2"), ("b", "3")} | {(name, value) for _, name, value in run.changes}
    named = SENTENCE.findall(content)
    assert len(named) >= 4
    assert set(named) <= had
    assert ("total", "5") in named


@pytest.mark.parametrize(("wrong", "right"), [(0.0, True), (1.0, False)])
async def test_it_is_wrong_exactly_as_often_as_set(wrong: float, right: bool) -> None:
    hint = Hint(
        code=CODE,
        entrypoint="main_solution",
        direction="output",
        input='{"a": 2, "b": 3}',
        output="5",
    )
    async with simulated(wrong=wrong) as model:
        for number in range(12):
            found = find(
                (await model.complete(asked(f"q{number}", hint))).content, "output", "tolerant"
            )
            assert (found is not None and found.text == "5") is right


async def test_the_same_messages_give_the_same_answer() -> None:
    hint = Hint(
        code=CODE,
        entrypoint="main_solution",
        direction="output",
        input='{"a": 2, "b": 3}',
        output="5",
    )
    async with simulated() as one, simulated() as two:
        assert await one.complete(asked("q", hint)) == await two.complete(asked("q", hint))


@pytest.mark.parametrize(
    "value", [True, 0, 1.5, "", "abc", None, [], [1, [2]], {}, {"a": {"b": "c"}}]
)
def test_a_slip_is_another_value(value: object) -> None:
    import random

    for seed in range(20):
        assert json.dumps(slipped(value, random.Random(seed))) != json.dumps(value)


async def test_a_recorded_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "recorded.jsonl").write_text("{oops")
    async with Sandbox(Limits(), workers=1) as box:
        model = SimulatedModel(
            name="simulated",
            sandbox=box,
            semaphore=PrioritySemaphore(1),
            recorded=tmp_path / "recorded.jsonl",
        )
        with pytest.raises(Misconfigured, match=r"recorded\.jsonl"):
            await model.complete(asked("x"))
