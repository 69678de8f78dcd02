"""Which pairs of a pool are kept: distinct outputs first, then newly executed lines, then a spread
in steps."""

from collections.abc import Sequence

from stages.records import Pair


def kept(pool: Sequence[Pair], count: int) -> tuple[Pair, ...]:
    """At most `count` of the pool, in the order of their choice. A function of the pool alone."""
    left = list(pool)
    chosen: list[Pair] = []
    outputs: set[str] = set()
    lines: set[int] = set()

    def take(pair: Pair) -> None:
        left.remove(pair)
        chosen.append(pair)
        outputs.add(pair.output)
        lines.update(pair.lines)

    for pair in tuple(left):
        if len(chosen) < count and pair.output not in outputs:
            take(pair)
    while left and len(chosen) < count:
        best = max(left, key=lambda pair: len(set(pair.lines) - lines))  # the first of equals
        if not set(best.lines) - lines:
            break
        take(best)
    while left and len(chosen) < count:
        taken = [pair.steps or 0 for pair in chosen]
        take(max(left, key=lambda pair: min(abs((pair.steps or 0) - steps) for steps in taken)))
    return tuple(chosen)
