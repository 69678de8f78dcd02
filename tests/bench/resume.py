"""How long a run that is finished but for its last source row takes to come to it, and in how much memory.

    python -m tests.bench.resume [ROWS]      (200000 source rows, which is about a million samples)

Prints seconds and CPU seconds from the start of the process's work to the first model call, and peak memory.
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine import Engine
from engine.journal import Journal
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import settings
from tests.support.server import Reply, said, serving

CODE = "def real(a, b):\n" + "    total = a * b + 1  # as real files are, with some text in it\n" * 20


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with (base / "code.jsonl").open("w") as file:
            for number in range(count + 1):
                file.write(json.dumps({"content": f"{CODE}    return {number}", "path": f"{number}.py"}) + "\n")
        first_call = asyncio.Event()

        def model(body: dict[str, Any]) -> Reply:
            first_call.set()
            return said(reply_of(SECTIONS) if "Problem Statement" in str(body) else "{}")

        async with serving(model) as script:
            config = settings(
                base, models={"main": {"base_url": script.url, "model": "m"}}, source={"path": "code.jsonl"}
            )
            await finish(config, count)
            began, cpu_s = time.perf_counter(), time.process_time()
            async with Engine(config) as engine:
                running = asyncio.create_task(engine.run())
                await first_call.wait()
                taken_s, taken_cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
                await running
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{count} finished source rows: {taken_s:.1f} s ({taken_cpu_s:.1f} s CPU) to the first new call, "
              f"{taken_s / count * 1e6:.0f} us a row; peak memory {peak_mib} MiB")  # fmt: skip


async def finish(config: Any, count: int) -> None:
    """Marks all source rows but the last as finished, as a run that did them would have."""
    async with Engine(config) as engine:
        admitted = [engine.admission.admit(row, None) async for row in engine.admission.rows()]
        ids = [ticket.id for ticket, _ in admitted[:count]]
    async with Journal(config.folder) as journal:
        for start in range(0, count, 5000):
            await asyncio.gather(*[journal.mark(id_, "") for id_ in ids[start : start + 5000]])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
