"""The one scale by which records, model calls and sandboxed runs are ordered."""

from enum import IntEnum

from stages.records.programs import Draft, TransformQuestion
from stages.records.questions import Question


class Urgency(IntEnum):
    """The lowest number goes first.

    A record near its end goes before others. Its source row then leaves the window sooner, and less
    paid work is unfinished when a run is killed. Verification goes before generation, although both
    run in the sandbox: a model idles while its answers wait for verdicts.
    """

    VERIFICATION = 0
    REVISION = 1
    ANSWER = 2
    GENERATION = 3
    REPAIR = 4
    TRANSFORM = 5


def urgency_of(record: object) -> Urgency:
    """The urgency of a record that goes to its next stage."""
    match record:
        case TransformQuestion(draft=Draft()):
            return Urgency.REPAIR
        case TransformQuestion():
            return Urgency.TRANSFORM
        case Question() if any(sample.turns for sample in record.open):
            return Urgency.REVISION
        case Question():
            return Urgency.ANSWER
    return Urgency.GENERATION
