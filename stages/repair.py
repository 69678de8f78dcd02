"""What becomes of a faulty program: a repair turn while there are any left, else its fallback, else
a reject."""

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from stages.prompts import Template
from stages.records import Draft, Fault, Program, Reject, Sections, Tally, TransformQuestion

SHRUNK = 0.5
"""A repair that leaves less than this share of the statements has thrown the program away."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """turns: how many repairs a program gets. explanations: by kind of fault, the words for the
    model."""

    turns: int
    template: Template
    explanations: Mapping[str, str]
    modules: str
    limit: str

    def of(
        self, draft: Draft, fault: Fault
    ) -> tuple[TransformQuestion | Program | Reject | Tally, ...]:
        """The draft's next step, `fault` having been found in it."""
        attempts = (*draft.attempts[:-1], replace(draft.attempts[-1], fault=fault))
        draft = replace(draft, attempts=attempts)
        if len(attempts) > self.turns:
            return given_up(draft)
        asked = self.template.fill(
            program="The program" if draft.number == 1 else f"Program {draft.number}",
            kind=fault.kind,
            explanation=self._explained(fault),
            evidence=fault.evidence,
        )
        messages = (
            *draft.question.messages,
            {"role": "assistant", "content": attempts[-1].answer.content},
            {"role": "user", "content": asked},
        )
        return (replace(draft.question, messages=messages, draft=draft),)

    def _explained(self, fault: Fault) -> str:
        text = self.explanations.get(fault.kind, "")
        return text.replace("{{modules}}", self.modules).replace("{{limit}}", self.limit)


def given_up(draft: Draft) -> tuple[Program | Reject | Tally, ...]:
    """The end of a draft that nothing mends: its fallback, or a reject by the last fault that was
    its own."""
    if draft.fallback is not None:
        program = replace(
            draft.fallback, found={**draft.fallback.found, "transform": transform_row(draft)}
        )
        return settled(draft, program, mended=False)
    faults = [attempt.fault for attempt in draft.attempts if attempt.fault is not None]
    own = next((fault for fault in reversed(faults) if fault.kind not in GUARDS), faults[-1])
    more = {
        "attempts": [
            attempt.row() | {"reply": attempt.answer.content} for attempt in draft.attempts
        ]
    }
    if draft.sections is None:
        reject = Reject(draft.question.origin.id, "file", own.kind, own.evidence, more=more)
    else:
        reject = Reject(draft.id, "program", own.kind, own.evidence, more=more)
    repairs = repairs_told(draft, mended=False)
    return (reject, repairs) if repairs else (reject,)


def repairs_told(draft: Draft, *, mended: bool) -> Tally | None:
    """What the repairs of a draft came to, by the fault that each was asked for: tried, won and
    their tokens. None: no repair.

    mended: whether the last reply stands without a fault.
    """
    counts: Counter[str] = Counter()
    for before, after in pairwise(draft.attempts):
        kind = before.fault.kind if before.fault else "none"
        counts[f"repairs.tried.{kind}"] += 1
        counts[f"repairs.won.{kind}"] += after.fault is None and mended
        counts[f"repairs.tokens.{kind}"] += (
            after.answer.usage.input_tokens + after.answer.usage.output_tokens
        )
    return Tally(f"repairs:{draft.id}", dict(+counts)) if counts else None


def settled(
    draft: Draft, program: Program, *, mended: bool
) -> tuple[Program | Reject | Tally, ...]:
    """A program that goes on, and all that is told of how it came about."""
    told = Tally(
        f"made:{draft.id}", {f"yield.{trait}.programs": 1 for trait in program.origin.traits}
    )
    repairs = repairs_told(draft, mended=mended)
    return (
        program,
        *lost_draws(program),
        *([told] if told.counts else ()),
        *([repairs] if repairs else ()),
    )


def lost_draws(program: Program) -> tuple[Reject, ...]:
    """One line for all inputs of a program that were drawn in vain, if there are any."""
    raised, dropped = program.found.get("raised", 0), program.found.get("dropped", {})
    count = raised + sum(dropped.values())
    if not count:
        return ()
    by_reason = {**({"generator_raises": raised} if raised else {}), **dropped}
    detail = ", ".join(f"{times} {reason}" for reason, times in sorted(by_reason.items()))
    return (Reject(program.id, "draw", "no_pair", detail, more={"count": count}),)


def transform_row(draft: Draft) -> dict[str, object]:
    """How the program came about, as it stands in programs.jsonl."""
    usage = draft.attempts[0].answer.usage
    for attempt in draft.attempts[1:]:
        usage += attempt.answer.usage
    prompt = draft.question.prompt
    return {
        "model": draft.attempts[0].answer.model,
        "prompt": prompt and prompt.row(),
        "attempts": len(draft.attempts),
        "errors": [attempt.fault.kind for attempt in draft.attempts if attempt.fault],
        "usage": usage.row(),
    }


SEEDING = frozenset({"seed", "default_rng", "Random", "RandomState"})
GUARDS = frozenset({"unchanged", "hidden"})


def guarded(before: Sections, after: Sections) -> Fault | None:
    """What is wrong with a repair as such: it changed nothing, or hides the fault instead of
    mending it."""
    if after is before:
        return Fault("unchanged", "The reply changes nothing.")
    try:
        old, new = ast.parse(before.code), ast.parse(after.code)
        old_generator, new_generator = ast.parse(before.generator), ast.parse(after.generator)
    except (SyntaxError, ValueError, RecursionError):
        # what does not parse cannot be compared; what does not parse now is a fault of its own
        return None
    if _seeds(new) + _seeds(new_generator) > _seeds(old) + _seeds(old_generator):
        return Fault("hidden", "The repair adds a fixed random seed.")
    if _bare_excepts(new) > _bare_excepts(old):
        return Fault("hidden", "The repair adds a bare except.")
    if _early_constant(new) and not _early_constant(old):
        return Fault("hidden", "The repair makes the function return a constant at once.")
    if _statements(new) < SHRUNK * _statements(old):
        return Fault("hidden", "The repair leaves less than half of the program.")
    return None


def _seeds(tree: ast.Module) -> int:
    """Calls that fix a random state."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(
        getattr(call.func, "attr", getattr(call.func, "id", "")) in SEEDING and bool(call.args)
        for call in calls
    )


def _bare_excepts(tree: ast.Module) -> int:
    def bare(handler: ast.ExceptHandler) -> bool:
        return handler.type is None or (
            isinstance(handler.type, ast.Name) and handler.type.id == "BaseException"
        )

    return sum(bare(node) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))


def _early_constant(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "main_solution":
            body = [line for line in node.body if not isinstance(line, ast.Expr)]
            return bool(body) and isinstance(body[0], ast.Return) and _constant(body[0].value)
    return False


def _constant(value: ast.expr | None) -> bool:
    try:
        ast.literal_eval(value or ast.Constant(None))
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _statements(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
