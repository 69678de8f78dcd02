"""Who goes first."""

from dataclasses import replace

import pytest

from stages.records import Answer, Attempted, Draft, Question, SourceFile, Turn
from stages.records.urgency import Urgency, urgency_of
from tests.support.records import ORIGIN, SECTIONS, program, question, transform_question

ASKED = transform_question()
DRAFT = Draft(question=ASKED, number=1, sections=SECTIONS, attempts=())
TURN = Turn(answer=Answer(content="So."), verdict="wrong")


def sampled(*samples: Attempted) -> Question:
    return question(samples=samples)


@pytest.mark.parametrize(
    ("record", "urgency"),
    [
        (SourceFile("code", ORIGIN), Urgency.GENERATION),
        (ASKED, Urgency.TRANSFORM),
        (replace(ASKED, parked=True), Urgency.TRANSFORM),
        (replace(ASKED, draft=DRAFT), Urgency.REPAIR),
        (DRAFT, Urgency.GENERATION),
        (program(), Urgency.GENERATION),
        (sampled(), Urgency.ANSWER),
        (sampled(Attempted(number=0)), Urgency.ANSWER),
        (sampled(Attempted(number=0, turns=(TURN,))), Urgency.REVISION),
        (sampled(Attempted(number=0), Attempted(number=1, turns=(TURN,))), Urgency.REVISION),
        (
            sampled(Attempted(number=0, turns=(TURN,), closed=True), Attempted(number=1)),
            Urgency.ANSWER,
        ),
    ],
)
def test_a_record_has_the_urgency_of_what_it_waits_for(record: object, urgency: Urgency) -> None:
    assert urgency_of(record) is urgency


def test_what_is_nearer_to_its_end_goes_first() -> None:
    order = ["VERIFICATION", "REVISION", "ANSWER", "GENERATION", "REPAIR", "TRANSFORM"]
    assert [urgency.name for urgency in sorted(Urgency)] == order
    assert min(Urgency) == 0  # which may use the kept places of the sandbox
