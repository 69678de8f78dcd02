"""The kind and id of a record at any stage, for counts and rejects."""

from typing import Literal

from stages.records.programs import Draft, Program, SourceFile, TransformQuestion, Unified
from stages.records.questions import Answered, Judged, Question

Kind = Literal["file", "program", "question"]
KINDS: tuple[Kind, ...] = ("file", "program", "question")


def identity(record: object) -> tuple[Kind, str]:
    """The kind and id of a record. Raises: TypeError for what is no record.

    A repair turn is about its program, once there is one.
    """
    match record:
        case SourceFile() | TransformQuestion(draft=None):
            return "file", record.origin.id
        case Unified():
            return identity(record.question)
        case TransformQuestion(draft=Draft(sections=None)):
            return "file", record.origin.id
        case TransformQuestion(draft=Draft() as draft):
            return "program", draft.id
        case Draft() | Program():
            return "program", record.id
        case Answered() | Judged():
            return "question", record.question.id
        case Question():
            return "question", record.id
    raise TypeError(f"no record of the flow: {type(record).__name__}")
