"""What is reported of a program once it is settled: its repairs, and its lost draws."""

from collections import Counter
from itertools import pairwise

from stages.records import Draft, Program, Reject, Tally, counts


def settled(
    draft: Draft, program: Program, *, mended: bool
) -> tuple[Program | Reject | Tally, ...]:
    """A program that goes on, with what is reported of it.

    mended: whether its last reply has no fault.
    """
    produced = {counts.produced(trait, "programs"): 1 for trait in program.origin.traits}
    yielded = (Tally(f"made:{draft.id}", produced),) if produced else ()
    return (program, *lost_draws(program), *yielded, *repairs_of(draft, mended=mended))


def repairs_of(draft: Draft, *, mended: bool) -> tuple[Tally, ...]:
    """Counts of a draft's repairs by the fault that each was asked for, or () without repairs.

    They are the repairs tried, those that won, and their tokens. mended: as for `settled`.
    """
    found: Counter[str] = Counter()
    for before, after in pairwise(draft.attempts):
        kind, usage = before.fault.kind if before.fault else "none", after.answer.usage
        found[counts.repair("tried", kind)] += 1
        found[counts.repair("won", kind)] += after.fault is None and mended
        found[counts.repair("tokens", kind)] += usage.input_tokens + usage.output_tokens
    return (Tally(f"repairs:{draft.id}", dict(+found)),) if found else ()


def lost_draws(program: Program) -> tuple[Reject, ...]:
    """One reject for all inputs of a program that gave no pair, if there are any."""
    raised, dropped = program.generation.raised or 0, program.generation.dropped or {}
    count = raised + sum(dropped.values())
    if not count:
        return ()
    by_reason = {**({"generator_raises": raised} if raised else {}), **dropped}
    detail = ", ".join(f"{times} {reason}" for reason, times in sorted(by_reason.items()))
    return (
        Reject(id=program.id, kind="draw", reason="no_pair", detail=detail, more={"count": count}),
    )


def transform_json(draft: Draft) -> dict[str, object]:
    """The model's replies to a draft, as programs.jsonl sums them up."""
    usage = draft.attempts[0].answer.usage
    for attempt in draft.attempts[1:]:
        usage += attempt.answer.usage
    prompt = draft.question.prompt
    return {
        "model": draft.attempts[0].answer.model,
        "prompt": prompt and prompt.to_json(),
        "attempts": len(draft.attempts),
        "errors": [attempt.fault.kind for attempt in draft.attempts if attempt.fault],
        "usage": usage.to_json(),
    }
