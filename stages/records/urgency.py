"""Who goes first: the one scale by which records, model calls and sandboxed runs are ordered."""

from enum import IntEnum

from stages.records.records import Draft, Question, TransformQuestion


class Urgency(IntEnum):
    """Lower goes first: what is nearer to its end frees its source row, and the money in it,
    sooner.

    Verification stands apart from generation, since a model idles while its answers wait for
    verdicts.
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
