"""Which pairs of a pool are kept: first distinct outputs, then new lines, then distant steps."""

from collections.abc import Sequence

from stages.records import Pair


def kept(pool: Sequence[Pair], count: int) -> tuple[Pair, ...]:
    """At most `count` pairs of the pool, in the order of their choice.

    The choice depends on the pool and its order alone.
    """
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
        # Of equals, `max` takes the first, here and below.
        best = max(left, key=lambda pair: len(set(pair.lines) - lines))
        if not set(best.lines) - lines:
            break
        take(best)
    while left and len(chosen) < count:
        taken = [pair.steps or 0 for pair in chosen]
        take(max(left, key=lambda pair: min(abs((pair.steps or 0) - steps) for steps in taken)))
    return tuple(chosen)
