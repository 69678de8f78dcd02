"""Does a stream without end give its first row soon, and stay in bounded memory?

Streams the real files of ../shared over and over (each copy different) against the stand-in server
at a latency of 2 s and concurrency 64. One request in 400 is 1,000 x slower, which is about one
file in 100. Prints the time to the first row, and the resident memory at the end over that after
two minutes (1.0: flat).

    python -m tests.bench.endless_source [SECONDS]
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine import Engine
from tests.support.runs import settings
from tests.support.standin import RAW, standin

SETTLED_S = 120.0
STRAGGLERS = [{"kind": "slow", "share": 0.0025, "factor": 1000}]


def endless() -> Iterator[dict[str, str]]:
    rows = [json.loads(line) for line in RAW.open()]
    copy = 0
    while True:
        copy += 1
        for row in rows:
            yield {**row, "content": f"{row['content']}\n# copy {copy}\n"}


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def run(url: str, folder: Path, seconds: float) -> None:
    models = {"main": {"base_url": f"{url}/v1", "model": "stand-in", "concurrency": 64}}
    began, count, first_s, settled, printed = time.monotonic(), 0, 0.0, 0, 0.0
    async with Engine(settings(folder, models=models)) as engine:
        stream = engine.stream(endless())
        async for _ in stream:
            now_s = time.monotonic() - began
            count += 1
            first_s = first_s or now_s
            if now_s >= SETTLED_S and not settled:
                settled = resident_bytes()
            if now_s - printed >= 30:
                printed = now_s
                print(
                    (
                        f"{now_s:5.0f} s  {count} rows  {engine.statistics().live} live  "
                        f"{resident_bytes() >> 20} MB"
                    ),
                    flush=True,
                )
            if now_s >= seconds:
                break
        last = resident_bytes()
        await stream.aclose()
    print(f"first row after {first_s:.1f} s; {count} rows")
    print(
        f"memory at {seconds:.0f} s / at {SETTLED_S:.0f} s = {last / max(settled, 1):.3f} "
        f"({last >> 20} MB)"
    )


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory() as folder:
        stragglers = Path(folder) / "stragglers.json"
        stragglers.write_text(json.dumps(STRAGGLERS))
        with standin("--latency", "2", "--sigma", "0.6", "--weather", str(stragglers)) as url:
            asyncio.run(run(url, Path(folder), seconds))


if __name__ == "__main__":
    main()
