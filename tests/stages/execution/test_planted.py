"""A corpus of programs with one planted fault each, and of sound ones that look faulty: sorted
without a miss or false alarm."""

import asyncio
from dataclasses import replace
from pathlib import Path

from sandbox import Limits, Sandbox
from stages.execution.profile import CLEAN
from stages.execution.stage import Execution
from stages.likeness.likeness import Likeness
from stages.prompts.templates import load
from stages.records import Answer, Draft, Origin, Program, Reject, Unified
from stages.repair.repair import Repairs
from stages.transform.drafting import Drafting
from tests.support.records import transform_question

FOLDER = Path(__file__).parents[2] / "planted"
NO_REPAIRS = Repairs(
    turns=0,
    template=load("repair"),
    explanations=load("faults").parts(),
    modules="numpy",
    limit="400 bytes",
)
STANDS = {"constant", "skewed", "few_inputs"}
"""Faults with which a program is kept, tagged, when no repair is left."""


def planted(folder: str) -> dict[str, tuple[list[str], str]]:
    """The expectations and the reply of each program of a folder."""
    found = {}
    for path in sorted((FOLDER / folder).glob("*.md")):
        head, reply = path.read_text().split("\n\n", 1)
        found[path.stem] = (head.split("\n"), reply)
    return found


async def outcome_of(box: Sandbox, name: str, reply: str) -> Program | Reject:
    question = replace(transform_question(), origin=Origin(id=name))
    (draft,) = await Drafting(NO_REPAIRS)(Unified(question, Answer(content=reply)))
    if isinstance(draft, Reject):
        return draft
    assert isinstance(draft, Draft), draft
    outcome, *_ = await Execution(
        sandbox=box, profile=CLEAN, repairs=NO_REPAIRS, likeness=Likeness(box, clusters=False)
    )(draft)
    assert isinstance(outcome, (Program, Reject)), outcome
    return outcome


def sorted_as(outcome: Program | Reject) -> str:
    if isinstance(outcome, Reject):
        return outcome.reason
    return next((tag for tag in outcome.tags if tag in STANDS), "sound")


async def outcomes(folder: str) -> dict[str, tuple[list[str], Program | Reject]]:
    corpus = planted(folder)
    async with Sandbox(Limits(), workers=2) as box:
        found = await asyncio.gather(
            *(outcome_of(box, name, reply) for name, (_, reply) in corpus.items())
        )
    return {name: (corpus[name][0], outcome) for name, outcome in zip(corpus, found, strict=True)}


async def test_every_planted_fault_is_found_and_named() -> None:
    found = await outcomes("faulty")
    assert len(found) >= 30
    wrong = {
        name: (head[0], sorted_as(outcome), getattr(outcome, "detail", ""))
        for name, (head, outcome) in found.items()
        if head[0] != f"expect: {sorted_as(outcome)}"
    }
    assert wrong == {}


async def test_no_sound_program_is_refused_or_tagged() -> None:
    found = await outcomes("sound")
    assert len(found) >= 30
    wrong = {
        name: (sorted_as(outcome), getattr(outcome, "detail", ""))
        for name, (_, outcome) in found.items()
        if sorted_as(outcome) != "sound"
    }
    assert wrong == {}
    flagged = {name: head[1:] for name, (head, _) in found.items() if head[1:]}
    for name, flags in flagged.items():
        outcome = found[name][1]
        assert isinstance(outcome, Program)
        for flag in flags:
            expected = flag.removeprefix("flag: ")
            there = [
                *(f"coerced {name}" for pair in outcome.pairs for name in pair.coerced),
                *("mutates" for pair in outcome.pairs if pair.mutates),
            ]
            assert expected in there, (name, flag)
