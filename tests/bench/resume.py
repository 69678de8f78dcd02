"""How long a run that is finished but for its last source row takes to come to it, and in how much
memory.

    python -m tests.bench.resume [ROWS]      (200000 source rows, which is about a million samples)

Prints seconds and CPU seconds from the start of the process to the first model call, and its peak
memory by then.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine import Engine
from engine.journal.journal import Journal
from tests.support.runs import settings
from tests.support.server import Reply, said, serving

CODE = (
    "def real(a, b):\n" + "    total = a * b + 1  # as real files are, with some text in it\n" * 20
)
RUN = '[source]\npath = "code.jsonl"\n[models.main]\nbase_url = "{url}"\nmodel = "m"\n'


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with (base / "code.jsonl").open("w") as file:
            for number in range(count + 1):
                file.write(
                    json.dumps({"content": f"{CODE}    return {number}", "path": f"{number}.py"})
                    + "\n"
                )
        first_call = asyncio.Event()

        def model(_: dict[str, Any]) -> Reply:
            first_call.set()
            return said("DECLINED: trivial nothing here")

        async with serving(model) as script:
            (base / "run.toml").write_text(RUN.format(url=script.url))
            await finish(base, script.url, count)
            began = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "engine",
                "run.toml",
                cwd=base,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await first_call.wait()
            taken_s = time.perf_counter() - began
            cpu_s = int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
            peak_mib = (
                next(
                    int(line.split()[1])
                    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    if line.startswith("VmHWM")
                )
                >> 10
            )
            await process.wait()
    print(
        f"{count} finished source rows: {taken_s:.1f} s ({cpu_s:.1f} s CPU in the loop's thread) "
        "to the first new call, "
        f"{taken_s / count * 1e6:.0f} us a row; peak memory {peak_mib} MiB"
    )


async def finish(base: Path, url: str, count: int) -> None:
    """Marks all source rows but the last as finished, as a run that did them would have."""
    config = settings(
        base,
        models={"main": {"base_url": url, "model": "m"}},
        source={"path": "code.jsonl"},
        sandbox={},
    )
    async with Engine(config) as engine:
        admission = engine.opened.admission
        ids = [admission._entered(row).id async for row in admission._rows()][:count]
    async with Journal(config.folder) as journal:
        for start in range(0, count, 5000):
            await asyncio.gather(*[journal.mark(id_, "") for id_ in ids[start : start + 5000]])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
