"""Does the bill ever pass the budget, and do forecasts hold? Against a server that bills
heavy-tailed token counts.

    python -m tests.bench.budget [RUNS] [FORECASTS]      (200 20)

RUNS runs with random budgets, half of them killed -9 in the middle and continued, and a share of
calls that hang or break off and are billed all the same. FORECASTS whole runs, whose cost is
forecast after 50 rows.
"""

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine import Engine
from engine.journal.faults import POINTS
from tests.engine.effects.test_spending import model
from tests.support.metered import Ledger, billing
from tests.support.runs import settings, write_rows

FILES = 40
AFTER_ROWS = 50
RUN = """
[source]
path = "rows.jsonl"
[models.main]
base_url = "{url}"
model = "m"
concurrency = 8
timeout_s = 0.5
attempts = 30
price = {{ input = 1.0, output = 3.0 }}
[transform]
max_tokens = 600
[inference]
max_tokens = 300
[limits]
budget_usd = {budget}
"""


async def process(base: Path, fault: str) -> int:
    environment = {**os.environ, "ENGINE_FAULT": fault, "PYTHONPATH": str(Path.cwd())}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine",
        "run.toml",
        cwd=base,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await running.wait()


async def bounded(seed: int) -> tuple[float, float, int]:
    """One run to its budget: the budget, what was billed, how often it was killed."""
    chance, kills = random.Random(seed), 0
    budget = round(chance.uniform(0.01, 0.2), 4)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_rows(base / "rows.jsonl", *[{"content": f"def real(): {n}"} for n in range(FILES)])
        async with billing(model, hangs=0.03, broken=0.05, seed=seed) as ledger:
            (base / "run.toml").write_text(RUN.format(url=ledger.script.url, budget=budget))
            if seed % 2:
                kills += await process(base, f"{chance.choice(POINTS)}:{chance.randint(2, 60)}") < 0
            await process(base, "")
            return budget, ledger.usd, kills


async def forecast_of(seed: int) -> tuple[float, float, float]:
    """What is forecast after AFTER_ROWS rows, at least and at most, and what it was in the end."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_rows(
            base / "rows.jsonl", *[{"content": f"def real(): {n}"} for n in range(3 * FILES)]
        )
        async with billing(model, seed=seed) as ledger:
            async with Engine(config_of(base, ledger)) as engine:
                running = asyncio.create_task(engine.run())
                while engine.opened.sink.rows < AFTER_ROWS and not running.done():
                    await asyncio.sleep(0.01)
                forecast = engine.statistics().forecast
                assert forecast is not None
                span = forecast[""]
                await running
            return span.least, span.most, ledger.usd


def config_of(base: Path, ledger: Ledger) -> Any:
    main = {"base_url": ledger.script.url, "model": "m", "concurrency": 8, "price": ledger.price}
    return settings(
        base,
        models={"main": main},
        source={"path": "rows.jsonl"},
        transform={"max_tokens": 600},
        inference={"max_tokens": 300},
    )


async def main(runs: int, forecasts: int) -> None:
    kills, over, used = 0, 0, []
    for seed in range(runs):
        budget, billed, killed = await bounded(seed)
        kills += killed
        over += billed > budget
        used.append(billed / budget)
    if runs:
        print(
            f"{runs} runs, {kills} killed: the bill passed the budget in {over}; at most "
            f"{max(used):.3f} of it was billed, "
            f"{sum(used) / runs:.2f} on average",
            flush=True,
        )
    spans = [await forecast_of(seed) for seed in range(forecasts)]
    held = sum(least <= truth <= most for least, most, truth in spans)
    if forecasts:
        width = sum(most / least for least, most, _ in spans) / forecasts
        print(
            f"{held} of {forecasts} forecasts after {AFTER_ROWS} rows hold the truth; most / "
            f"least is {width:.2f} on average"
        )


if __name__ == "__main__":
    asyncio.run(main(*[*map(int, sys.argv[1:]), *(200, 20)[len(sys.argv) - 1 :]]))
