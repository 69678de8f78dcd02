"""Hostile code against the real walls: how each case may end, and that nothing else changes."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Limits, Run, Sandbox, SandboxError
from sandbox.levels import BY_NAME, LADDER
from tests.hostile.case import SHOUT
from tests.hostile.cases import CASES, HOSTILE, KINDS, STATUSES, Case
from tests.hostile.probe import ARGUMENTS, PROBE, WALL_OF_CALLS, WALL_OF_FILES, WALL_OF_WRITES

if sys.platform == "linux":
    from tests.hostile.host import Host, watched_host

LIMITS = Limits(cpu_s=0.5, wall_s=0.5, memory_bytes=256 << 20, value_bytes=20_000)
LANES = 2
END_S = 30.0  # no run of these limits takes so long, unless it holds up the host
PROCESSES = frozenset({"pid", "ppid", "pgid"})
SMALL_NUMBERS = frozenset(map(str, range(10)))
STDOUT_CHARS = 1 << 20
ERROR_CHARS = 1 << 16

LEVELS = (
    "auto",
    *(pytest.param(level, marks=pytest.mark.slow) for level in ("bubblewrap", "landlock")),
)
LOOK = "nothing bounds the number of files in its folder but a look every 0.1 s"
SEEN = "whether a path exists can be seen, what is in it not"
EXCUSED = {
    "bubblewrap": {
        "empty files without number": LOOK,
        "devices, kernel tables and sockets of services": SEEN,
    },
    "landlock": {
        "files that are deleted and held open": "they are bounded one by one, not in sum",
        "empty files without number": LOOK,
        "links without number": LOOK,
        "keys in home folders": SEEN,
        "devices, kernel tables and sockets of services": SEEN,
        "name of the host": "it has no namespace of its own",
        "files in the own folder": "modes and times of files cannot be changed",
    },
}
"""Cases that a weaker level is known not to withstand, or a benign one that it refuses."""

walled = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are Linux's own: namespaces, seccomp, Landlock"
)


def test_cases_are_well_formed() -> None:
    assert len({case.name for case in CASES if case.kind in HOSTILE}) >= 150
    assert len({(case.kind, case.name) for case in CASES}) == len(CASES)
    assert {case.kind for case in CASES} == set(KINDS)
    assert {name for names in EXCUSED.values() for name in names} <= {case.name for case in CASES}
    assert all(sum(case.kind == kind for case in CASES) >= 8 for kind in HOSTILE)
    assert sum(case.kind == "benign" for case in CASES) >= 25
    for case in CASES:
        assert case.allowed
        assert case.allowed <= STATUSES
        assert "f" in compile(case.code, case.name, "exec").co_names, case.name
        assert isinstance(json.loads(case.arguments), dict)
        if case.kind == "benign":
            assert case.allowed == {"ok"}
            assert case.value is not None, case.name


@walled
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
async def test_code_of_this_kind_ends_as_it_may_and_changes_nothing_else(
    kind: str, level: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if BY_NAME.get(level, LADDER[0]).impossible():
        pytest.skip(BY_NAME[level].impossible())
    level = await _level(level)
    cases = [
        case for case in CASES if case.kind == kind and case.name not in EXCUSED.get(level, ())
    ]
    found: list[str] = []
    with watched_host(tmp_path) as host:
        expected = await _fresh_answer(host, level)
        missing = {case.name: why for case in cases if (why := _missing(case, host))}
        waiting = iter([case for case in cases if case.name not in missing])
        async with (
            Sandbox(LIMITS, workers=LANES, isolation=level) as box,
            asyncio.TaskGroup() as lanes,
        ):
            for _ in range(LANES):
                lanes.create_task(_lane(box, waiting, host, expected, found))
        found += host.changes()
    said = "".join(capfd.readouterr())
    if SHOUT in said:
        found.append("what was printed came to a descriptor of the host")
    assert not found, f"{len(found)} of kind {kind}:\n" + "\n".join(found)
    if missing:
        pytest.skip(f"all passed but what cannot be tested here: {missing}")


@walled
async def test_hostile_neighbours_change_no_answer(tmp_path: Path) -> None:
    kinds = ("exit", "process", "output", "kernel")
    found: list[str] = []
    with watched_host(tmp_path) as host:
        rough = [
            case for kind in kinds for case in [each for each in CASES if each.kind == kind][:6]
        ]
        expected = await _fresh_answer(host, await _level("auto"))
        async with Sandbox(LIMITS, workers=LANES) as box:
            async with asyncio.TaskGroup() as group:
                runs = [
                    group.create_task(_answer(box, case.code, _arguments(case, host)))
                    for case in rough
                ]
                probes = [
                    group.create_task(_answer(box, PROBE, ARGUMENTS)) for _ in range(len(rough))
                ]
            for probe in probes:
                found += _differences(probe.result(), expected)
        for case, run in zip(rough, runs, strict=True):
            found += [f"{case.name}: {each}" for each in _faults(case, run.result(), host.secret)]
        found += host.changes()
    assert not found, "\n".join(found)


async def _lane(
    box: Sandbox, waiting: Iterator[Case], host: "Host", expected: str, found: list[str]
) -> None:
    for case in waiting:
        run = await _answer(box, case.code, _arguments(case, host))
        faults = list(_faults(case, run, host.secret))
        if case.kind in HOSTILE:
            if case.after:
                then = await _answer(box, case.after, "{}")
                if isinstance(then, str) or (then.status, then.value) != ("ok", '"clean"'):
                    faults.append(f"a later run found {_summary(then)}")
            faults += _differences(await _answer(box, PROBE, ARGUMENTS), expected)
        found += [f"{case.name}: {each}" for each in faults]


async def _answer(box: Sandbox, code: str, arguments: str) -> Run | str:
    """A run, or in words why there is none."""
    try:
        async with asyncio.timeout(END_S):
            return await box.run(code, "f", arguments)
    except SandboxError as error:
        return f"the sandbox gave up: {error!r}"
    except TimeoutError:
        return f"no answer within {END_S} s"


async def _be_sure_of_walls(box: Sandbox, host: "Host") -> None:
    for code, names in (
        (WALL_OF_FILES, "private public source"),
        (WALL_OF_WRITES, ""),
        (WALL_OF_CALLS, "pid"),
    ):
        seen = await _answer(
            box, code, json.dumps({name: host.facts[name] for name in names.split()})
        )
        refused = isinstance(seen, Run) and (
            seen.status == "denied" or (seen.status, seen.value) == ("ok", "[]")
        )
        if not refused:
            pytest.fail(f"no hostile code is run here, a wall is down: {_summary(seen)}")


_resolved: dict[str, str] = {}


async def _level(asked: str) -> str:
    """The level by name, which for "auto" is the strongest of this machine.

    Skips the test where that level leaves the host's files to be read.
    """
    if asked not in _resolved:
        async with Sandbox(LIMITS, workers=1, isolation=asked) as box:
            _resolved[asked] = box.isolation
    if BY_NAME[_resolved[asked]].holds != LADDER[0].holds:
        pytest.skip(f"hostile code is not safe to run at {_resolved[asked]}, the best level here")
    return _resolved[asked]


_fresh: dict[str, str] = {}


async def _fresh_answer(host: "Host", level: str) -> str:
    """What the probe reports in a box that has seen nothing else.

    Fails the test before any hostile code runs where there are no walls.
    """
    if level not in _fresh:
        async with Sandbox(LIMITS, workers=LANES, isolation=level) as box:
            await _be_sure_of_walls(box, host)
            answers = [await _answer(box, PROBE, ARGUMENTS) for _ in range(3)]
        for run in answers:
            assert isinstance(run, Run), run
            assert run.status == "ok", _summary(run)
            assert run.value is not None
            assert json.loads(run.value)["files"] == []
            assert not _differences(run, _fresh.setdefault(level, run.value)), (
                "the probe does not report the same twice"
            )
    return _fresh[level]


def _missing(case: Case, host: "Host") -> str:
    """Why a case cannot be tested on this machine."""
    if case.needs and not importlib.util.find_spec(case.needs):
        return f"{case.needs} is not installed"
    if any(str(host.facts[key]) in SMALL_NUMBERS for key in PROCESSES.intersection(case.facts)):
        return "a process of the host has a number that processes of a run have too"
    return ""


def _arguments(case: Case, host: "Host") -> str:
    return (
        json.dumps({key: host.facts[key] for key in case.facts}) if case.facts else case.arguments
    )


def _faults(case: Case, run: Run | str, secret: str) -> Iterator[str]:
    if isinstance(run, str):
        yield run
        return
    if run.status not in case.allowed:
        yield f"{_summary(run)}, not {' or '.join(sorted(case.allowed))}"
    elif (
        run.status == "ok"
        and case.value is not None
        and _plain(run.value) != json.dumps(case.value, sort_keys=True)
    ):
        yield f"returned {str(run.value)[:300]}, not {json.dumps(case.value)[:300]}"
    texts = [run.value or "", run.stdout or "", run.error or ""]
    if case.forbidden and any(case.forbidden in each for each in texts):
        yield f"shows {case.forbidden}: {_summary(run)}"
    if any(secret in each for each in texts):
        yield "shows the host's secret"
    yield from _misshapen(run, texts)


def _misshapen(run: Run, texts: list[str]) -> Iterator[str]:
    """What no run may be, whatever its code has sent: the host reads these fields."""
    value, stdout, error = texts
    if run.status not in STATUSES:
        yield f"has the status {run.status!r}"
    if run.status == "ok" and _plain(run.value) is None:
        yield f"has a value that is no JSON: {value[:100]!r}"
    if len(value) > LIMITS.value_bytes or len(stdout) > STDOUT_CHARS or len(error) > ERROR_CHARS:
        yield f"is too long: value {len(value)}, stdout {len(stdout)}, error {len(error)}"
    for name, text in zip(("value", "stdout", "error"), texts, strict=True):
        if text != text.encode("utf-8", "ignore").decode():
            yield f"has text that UTF-8 does not have in {name}"
    measured = (run.cpu_s, run.wall_s, run.peak_memory_bytes)
    if not all(
        0 <= each < bound
        for each, bound in zip(measured, (END_S, END_S, 2 * LIMITS.memory_bytes), strict=True)
    ):
        yield f"was measured as {measured}"


def _plain(value: str | None) -> str | None:
    """The value in one spelling, or None if it is no JSON text."""
    try:
        return json.dumps(json.loads(value or "", parse_constant=_no_number), sort_keys=True)
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> float:
    raise ValueError(name)


def _summary(run: Run | str) -> str:
    if isinstance(run, str):
        return run
    return f"{run.status} (value {str(run.value)[:200]}, error {str(run.error)[:200]})"


def _differences(run: Run | str, expected: str) -> list[str]:
    if isinstance(run, str) or run.status != "ok" or run.value is None:
        return [f"the probe after it came to {_summary(run)}"]
    found, wanted = json.loads(run.value), json.loads(expected)
    keys = sorted(key for key in wanted if found.get(key) != wanted[key])
    return [
        f"changed the {key} of a later run: {str(found.get(key))[:200]}, not {wanted[key]}"[:500]
        for key in keys
    ]
