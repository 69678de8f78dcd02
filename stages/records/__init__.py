"""The records that flow between stages, the outcomes that end them, and the ids of both.

    SourceFile -> TransformQuestion -> Unified -> Program -> Question -> Answered    -> Judged
    raw           questions            unified    parsed     messages    generations    verified

Each record is frozen and carries all that the next stage needs. The second line names the boundary
at which it stands. A Question with turns behind it stands at the boundary `revision`. What leaves
the last stage is a row at the boundary `samples`.

Inputs, outputs and predictions are canonical JSON text in all of them. Only
`stages.values.equality` compares them.
"""

from stages.records.identity import KINDS, Kind, identity
from stages.records.ids import digest, seed_of
from stages.records.messages import Answer, Message, Messages, Prompt, Usage
from stages.records.origin import OWN_FIELDS, SCHEMA, Origin
from stages.records.outcomes import Later, Reject, Row, Tally
from stages.records.programs import (
    Attempt,
    Cluster,
    Draft,
    Fault,
    Generation,
    Pair,
    Program,
    Sections,
    SourceFile,
    TransformQuestion,
    Unified,
)
from stages.records.questions import (
    Answered,
    Attempted,
    Direction,
    Judged,
    Question,
    Turn,
    Variant,
    VerdictName,
)

__all__ = [
    "KINDS",
    "OWN_FIELDS",
    "SCHEMA",
    "Answer",
    "Answered",
    "Attempt",
    "Attempted",
    "Cluster",
    "Direction",
    "Draft",
    "Fault",
    "Generation",
    "Judged",
    "Kind",
    "Later",
    "Message",
    "Messages",
    "Origin",
    "Pair",
    "Program",
    "Prompt",
    "Question",
    "Reject",
    "Row",
    "Sections",
    "SourceFile",
    "Tally",
    "TransformQuestion",
    "Turn",
    "Unified",
    "Usage",
    "Variant",
    "VerdictName",
    "digest",
    "identity",
    "seed_of",
]
