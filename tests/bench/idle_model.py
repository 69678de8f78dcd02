"""Is the model ever idle while there is work?

Runs all real files of ../shared against the stand-in server at a latency of 2 s (lognormal, sigma
0.6) and concurrency 64, and prints the wall time over the shortest possible one: the sum of all
answers' latencies over 64, plus one chain of calls (transform, first answer, revision). 1.0 is
perfect; the aim is below 1.15.

    python -m tests.bench.idle_model
"""

import asyncio
import json
import resource
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.support.runs import finished, settings
from tests.support.standin import RAW, standin

LATENCY_S = 2.0
CONCURRENCY = 64
CHAIN = 3


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        standin("--latency", str(LATENCY_S), "--sigma", "0.6") as url,
    ):
        models = {
            "main": {"base_url": f"{url}/v1", "model": "stand-in", "concurrency": CONCURRENCY}
        }
        began = time.monotonic()
        asyncio.run(finished(settings(Path(folder), models=models, source={"path": str(RAW)})))
        wall_s = time.monotonic() - began
        with urllib.request.urlopen(f"{url}/stats") as reply:
            stats = json.load(reply)
    least_s = stats["answered"] * LATENCY_S / CONCURRENCY + CHAIN * LATENCY_S
    own, children = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    print(f"answers {stats['answered']}, peak in flight {stats['peak_in_flight']}")
    print(
        f"engine {own.ru_utime + own.ru_stime:.1f} CPU s, sandbox "
        f"{children.ru_utime + children.ru_stime:.1f} CPU s"
    )
    print(f"wall {wall_s:.1f} s / least possible {least_s:.1f} s = {wall_s / least_s:.3f}")


if __name__ == "__main__":
    main()
