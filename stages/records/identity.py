"""What a record is about, whatever stage it stands at: its kind and its id, for counting and for
rejects."""

from typing import Literal

from stages.records.records import (
    Answered,
    Draft,
    Judged,
    Program,
    Question,
    SourceFile,
    TransformQuestion,
    Unified,
)

Kind = Literal["file", "program", "question"]
KINDS: tuple[Kind, ...] = ("file", "program", "question")


def identity(record: object) -> tuple[Kind, str]:
    """The kind and id of a record. A repair turn is about its program, once there is one."""
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
