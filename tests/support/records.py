"""Small records for tests of single stages."""

from stages.inference import ChatRequest
from stages.records import (
    Answer,
    Attempted,
    Origin,
    Pair,
    Program,
    Question,
    Sections,
    TransformQuestion,
    Turn,
    Usage,
)

CODE = (
    "def main_solution(a, b):\n"
    "    total = a\n"
    "    for _ in range(b):\n"
    "        total += 1\n"
    "    return total\n"
)
GENERATOR = (
    "import random\n\n\n"
    "def input_generator():\n"
    "    return {'a': random.randint(0, 30), 'b': random.randint(1, 9)}\n"
)
CHECK = "def input_check(a, b):\n    return 0 <= a <= 30 and 1 <= b <= 9\n"
SECTIONS = Sections(
    code=CODE,
    description="Input: `a`, `b` (int). Output: `return` (int).",
    generator=GENERATOR,
    statement="What is `a` after `b` steps?",
    check=CHECK,
)
ORIGIN = Origin(
    id="f00d", file="code.jsonl", line=1, index=0, fields={"license": "mit", "path": "a.py"}
)
PAIR = Pair(input='{"a": 2, "b": 3}', output="5", steps=9, lines=(2, 3, 4, 5))


def reply_of(sections: Sections) -> str:
    """The sections as a model would write them."""
    text = (
        "## Main Function\n"
        "```python\n"
        f"{sections.code}\n"
        "```\n"
        "## Input Output Description\n"
        f"{sections.description}\n"
        "## Input Generator\n"
        "```python\n"
        f"{sections.generator}\n"
        "```\n"
        "## Problem Statement\n"
        f"{sections.statement}\n"
    )
    return text + (f"## Input Check\n```python\n{sections.check}\n```\n" if sections.check else "")


def program(**changes: object) -> Program:
    fields: dict[str, object] = {
        "id": "beef",
        "origin": ORIGIN,
        "sections": SECTIONS,
        "pairs": (PAIR,),
        "outputs": 20,
        "gated": True,
    }
    return Program(**{**fields, **changes})  # type: ignore[arg-type]


def question(
    direction: str = "output", *, turns: tuple[Turn, ...] = (), **changes: object
) -> Question:
    fields: dict[str, object] = {
        "id": f"beef.{PAIR.id}.{direction[0]}",
        "program": program(),
        "pair": PAIR,
        "number": 0,
        "direction": direction,
        "opening": ({"role": "user", "content": "What comes out?"},),
        "samples": (Attempted(number=0, turns=turns),),
    }
    return Question(**{**fields, **changes})  # type: ignore[arg-type]


def transform_question() -> TransformQuestion:
    return TransformQuestion(
        messages=({"role": "user", "content": "Rewrite this."},), origin=ORIGIN
    )


class ScriptedModel:
    """A model that gives its replies in turn, the last one for ever; a reply that is an exception
    is raised."""

    name = "scripted"

    def __init__(self, *replies: "str | Answer | Exception") -> None:
        self.replies = replies
        self.asked: list[ChatRequest] = []

    def body(self, request: ChatRequest) -> dict[str, object]:
        return request.body()

    async def complete(self, request: ChatRequest) -> Answer:
        self.asked.append(request)
        reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        return (
            reply
            if isinstance(reply, Answer)
            else Answer(
                content=reply, model=self.name, usage=Usage(input_tokens=1, output_tokens=1)
            )
        )
