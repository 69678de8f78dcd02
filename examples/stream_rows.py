"""Streams source files through an embedded engine and prints a line for each finished sample.

    python examples/stream_rows.py                     the starter files that come with the package
    python examples/stream_rows.py FILE [FILE ...]     files of your own

The simulated model answers, so no key and no network are needed. It knows the starter files only
and declines others. The journal is kept in memory and nothing is written. Ctrl-C cancels what is
under way and leaves nothing running.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from importlib import resources
from pathlib import Path
from typing import Any

from engine import Config, Engine, EngineError, config_of

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it: 128 and the number of the signal."""


def settings() -> Config:
    """The settings of a run file with this content; `load_config` reads a real one."""
    return config_of({"models": {"main": {"kind": "simulated"}}, "output": {"dir": ""}}, Path())


def starter_files() -> list[Path]:
    folder = Path(str(resources.files("engine") / "starter" / "code"))
    return sorted(folder.glob("*.py"))


def line_of(row: Mapping[str, Any]) -> str:
    """Where a sample comes from, what was asked, and the verdict on each answer."""
    meta = row["meta"]
    verdicts = " -> ".join(turn["verdict"] for turn in meta["turns"])
    return f"{Path(meta['source']['file']).name:<20} {meta['direction']:<7} {verdicts}"


async def stream(paths: Sequence[Path]) -> int:
    """Prints each sample of these files as soon as it is final. Returns their number."""
    count = 0
    async with Engine(settings()) as engine, aclosing(engine.stream(paths)) as rows:
        async for row in rows:
            print(line_of(row), flush=True)
            count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description="Streams source files and prints their samples.")
    parser.add_argument("files", nargs="*", type=Path, help="source files; the starter's if none")
    paths = parser.parse_args().files or starter_files()
    try:
        count = asyncio.run(stream(paths))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except EngineError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_status
    print(f"{count} samples of {len(paths)} source files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
