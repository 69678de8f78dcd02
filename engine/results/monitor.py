"""Shows a running engine to a person: one line that moves on a terminal, a log line elsewhere."""

import asyncio
import logging
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.results.snapshot import Snapshot
from stages.records import counts

logger = logging.getLogger(__name__)
TERMINAL_S = 0.25
LOG_S = 5.0
NO_ROWS = frozenset({"programs", "rejects", "questions"})
"""Files whose lines are no rows of the output."""


async def watch(take: Callable[[], Snapshot]) -> None:
    """Shows the engine's state until cancelled. take: a snapshot of it, now."""
    console = Console(stderr=True)
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LOG_S)
            logger.info("%s", line_of(take()))
    # Live would otherwise redirect what is printed to stdout to this console, which is stderr.
    with Live(console=console, refresh_per_second=4, transient=True, redirect_stdout=False) as live:
        while True:
            live.update(Text(line_of(take()), no_wrap=True, overflow="ellipsis"))
            await asyncio.sleep(TERMINAL_S)


def line_of(snapshot: Snapshot) -> str:
    """One line: how far, what is under way, what came of it."""
    written, elapsed_s = snapshot.written, max(snapshot.elapsed_s, 1e-9)
    files = snapshot.counts.get(counts.kind("file", "read"), 0)
    rows = sum(count for name, count in written.items() if name not in NO_ROWS)
    parts = [
        f"{elapsed_s:.0f} s",
        f"{files} files" if files else "",
        f"{written.get('programs', 0)} programs",
        f"{rows} rows ({rows / elapsed_s:.1f}/s)",
        f"{written.get('rejects', 0)} rejects",
        f"{snapshot.live} live",
        f"{snapshot.in_flight} calls in flight",
        f"{snapshot.sandbox.running} sandboxed runs",
        _spent(snapshot),
    ]
    return "  ".join(part for part in parts if part)


def _spent(snapshot: Snapshot) -> str:
    """What is spent, and what all will have cost in the end."""
    usd = snapshot.spending.usd
    if not usd:
        return ""
    span = snapshot.forecast and snapshot.forecast[""]
    if not span:
        return f"{usd:.2f} USD"
    return f"{usd:.2f} USD of about {span.about:.2f} ({span.least:.2f} to {span.most:.2f})"
