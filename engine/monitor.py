"""Shows a running engine to a person: one line that moves on a terminal, a log line now and then
elsewhere."""

import asyncio
import logging
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.core import Engine

logger = logging.getLogger(__name__)
TERMINAL_S = 0.25
LOG_S = 5.0


async def watch(engine: Engine) -> None:
    """Shows the engine's state until cancelled."""
    console = Console(stderr=True)
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LOG_S)
            logger.info("%s", line_of(engine.statistics()))
    with Live(console=console, refresh_per_second=4, transient=True, redirect_stdout=False) as live:
        while True:
            live.update(Text(line_of(engine.statistics()), no_wrap=True, overflow="ellipsis"))
            await asyncio.sleep(TERMINAL_S)


def line_of(statistics: dict[str, Any] | Any) -> str:
    """One line: how far, what is under way, what came of it."""
    counts, written = statistics["counts"], statistics["written"]
    elapsed_s = max(statistics["elapsed_s"], 1e-9)
    rows = sum(
        count for name, count in written.items() if name not in ("programs", "rejects", "questions")
    )
    sandbox = statistics["sandbox"]
    parts = [
        f"{elapsed_s:.0f} s",
        f"{counts.read['file']} files" if counts.read["file"] else "",
        f"{written.get('programs', 0)} programs",
        f"{rows} rows ({rows / elapsed_s:.1f}/s)",
        f"{written.get('rejects', 0)} rejects",
        f"{statistics['live']} live",
        f"{statistics['in_flight']} calls in flight",
        f"{sandbox.running} sandboxed runs",
        _spent(statistics),
    ]
    return "  ".join(part for part in parts if part)


def _spent(statistics: dict[str, Any]) -> str:
    """What is spent, and what all will have cost in the end."""
    spending, foretold = statistics["spending"], statistics["forecast"]
    if not spending.usd:
        return ""
    span = foretold and foretold[""]
    return f"{spending.usd:.2f} USD" + (
        f" of about {span.about:.2f} ({span.least:.2f} to {span.most:.2f})" if span else ""
    )
