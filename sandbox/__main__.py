"""Runs one file in the sandbox by hand, or tests every level of isolation on this machine."""

import argparse
import asyncio
import sys
from pathlib import Path

from sandbox import Limits, Run, Sandbox, SandboxError, selftest
from sandbox.levels import BY_NAME, LADDER, Level
from sandbox.selftest import Attack

OK, NOT_OK, FAILED = 0, 1, 3


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    out.add_argument("file", nargs="?", help="a Python file that defines the function")
    out.add_argument(
        "entrypoint", nargs="?", default="main_solution", help="the function (main_solution)"
    )
    out.add_argument("arguments", nargs="?", default="{}", help="its arguments, a JSON object ({})")
    out.add_argument(
        "--self-test", action="store_true", help="what each level holds back on this machine"
    )
    out.add_argument("--isolation", default="auto", help=f"auto, {', '.join(BY_NAME)}")
    out.add_argument("--python", default="", help="another interpreter for the guest")
    out.add_argument("--cpu-s", type=float, default=5.0)
    out.add_argument("--wall-s", type=float, default=10.0, help="blocked seconds")
    out.add_argument("--memory-mb", type=int, default=512)
    return out


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if not given.self_test and given.file is None:
        parser().error("name a file, or --self-test")
    try:
        if given.self_test:
            return asyncio.run(self_test(given.python))
        return asyncio.run(by_hand(Path(given.file).read_text(), given))
    except (SandboxError, ValueError, OSError) as exc:
        print(exc, file=sys.stderr)
        return FAILED


async def by_hand(code: str, given: argparse.Namespace) -> int:
    limits = Limits(cpu_s=given.cpu_s, wall_s=given.wall_s, memory_bytes=given.memory_mb << 20)
    async with Sandbox(limits, workers=1, isolation=given.isolation, python=given.python) as box:
        run = await box.run(code, given.entrypoint, given.arguments)
        for line in report(run, box.isolation):
            print(line)
    return OK if run.status == "ok" else NOT_OK


def report(run: Run, isolation: str) -> list[str]:
    """The lines that are printed of a run."""
    out = [f"status     {run.status}{' (while loading)' if run.phase == 'load' else ''}"]
    out += [f"value      {run.value}"] if run.value is not None else []
    out += [f"error      {run.error}"] if run.error else []
    out += [f"stdout     {run.stdout!r}"] if run.stdout else []
    out += [f"coerced    {', '.join(run.coerced)}"] if run.coerced else []
    near = "  near a limit" if run.near_limit else ""
    peak_mib = run.peak_memory_bytes >> 20
    out.append(
        f"costs      {run.cpu_s:.4f} s CPU, {run.wall_s:.4f} s wall, {peak_mib} MiB at most{near}"
    )
    return [*out, f"isolation  {isolation}"]


async def self_test(python: str) -> int:
    """Prints a table with a row for each attack and a column for each level.

    The exit code is 0 when some level with walls passes.
    """
    columns = {level: await outcome(level, python) for level in LADDER}
    width = max(len(attack.name) for attack in selftest.ATTACKS) + 2
    print(" " * width + "".join(f"{level.name:<12}" for level in columns))
    for attack in selftest.ATTACKS:
        print(
            f"{attack.name:<{width}}"
            + "".join(f"{shown(found, attack):<12}" for found in columns.values())
        )
    passed = [
        level for level, found in columns.items() if not isinstance(found, str) and level.holds
    ]
    print()
    for level, found in columns.items():
        if isinstance(found, str):
            print(f"{level.name}: {found}")
    print(f"auto takes: {passed[0].name}" if passed else "auto finds no level with walls here")
    return OK if passed else NOT_OK


async def outcome(level: Level, python: str) -> dict[Attack, Run] | str:
    """What came of the attacks, or why this machine cannot have the level."""
    try:
        async with Sandbox(selftest.LIMITS, workers=1, isolation=level.name, python=python) as box:
            return {attack: await box.run(attack.code, "f", "{}") for attack in selftest.ATTACKS}
    except SandboxError as exc:
        return str(exc)


def shown(found: dict[Attack, Run] | str, attack: Attack) -> str:
    """One cell of the table."""
    if isinstance(found, str):
        return "-"
    return "held" if attack.held(found[attack]) else "OPEN"


if __name__ == "__main__":
    sys.exit(main())
