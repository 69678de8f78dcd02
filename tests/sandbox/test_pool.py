"""The pool around the runs: what it does when guests, zygotes, callers or the machine fail it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from sandbox import GuestUnusable, IsolationMissing, Job, JobRefused, Limits, Sandbox, SandboxError
from sandbox.levels import BY_NAME, LADDER, Level
from tests.support.processes import alive, children

LIMITS = Limits(cpu_s=1.0, wall_s=1.0, memory_bytes=256 << 20, value_bytes=2000)
SLEEP = "import time\ndef f(): time.sleep(50)\n"
LONG = Limits(cpu_s=60, wall_s=60)
ONE = "def f(): return 1\n"


@asynccontextmanager
async def box(**options: object) -> AsyncIterator[Sandbox]:
    async with Sandbox(LIMITS, **{"workers": 2, **options}) as opened:  # type: ignore[arg-type]
        yield opened


async def sleeping(opened: Sandbox) -> asyncio.Task[object]:
    """A run that is under way and sleeps."""
    task: asyncio.Task[object] = asyncio.create_task(opened.run(SLEEP, "f", {}, limits=LONG))
    while not jobs(opened):
        await asyncio.sleep(0)
    return task


def jobs(opened: Sandbox) -> list[int]:
    """Process ids of the jobs that run: the children of the zygotes."""
    return [
        job
        for handle in opened._zygotes
        for zygote in children(handle.pid)
        for job in children(zygote)
    ]


async def test_closing_the_sandbox_ends_what_runs_and_raises_to_its_callers() -> None:
    async with box() as opened:
        task = await sleeping(opened)
        pids = [
            *jobs(opened),
            *(pid for handle in opened._zygotes for pid in (handle.pid, *children(handle.pid))),
        ]
    with pytest.raises(SandboxError):
        await asyncio.wait_for(task, 5)
    assert len(pids) >= 3
    assert not [pid for pid in pids if alive(pid)]
    with pytest.raises(SandboxError, match="not open"):
        await opened.run(ONE, "f", {})


@pytest.mark.parametrize("victim", ["launcher", "zygote"])
async def test_a_killed_part_of_the_sandbox_is_replaced_and_its_job_run_again(victim: str) -> None:
    counted = "import time\ndef f():\n    time.sleep(0.6)\n    return 1\n"
    async with box() as opened:
        runs = [asyncio.create_task(opened.run(counted, "f", {})) for _ in range(2)]
        while len(jobs(opened)) < 2:
            await asyncio.sleep(0)
        handle = next(iter(opened._zygotes))
        pids = [
            *children(handle.pid),
            *(job for zygote in children(handle.pid) for job in children(zygote)),
        ]
        os.kill(handle.pid if victim == "launcher" else pids[0], signal.SIGKILL)
        assert [(await run).value for run in runs] == ["1", "1"]
        assert opened.statistics().lost == 1
        assert not [pid for pid in (handle.pid, *pids) if alive(pid)]


async def test_a_kill_in_mid_self_test_does_not_lower_the_level() -> None:
    async with box() as opened:
        usual = opened.isolation
    sandbox = Sandbox(workers=1)
    opening = asyncio.create_task(sandbox.__aenter__())
    while not (
        found := [pid for handle in sandbox._zygotes if handle.jobs for pid in children(handle.pid)]
    ):
        await asyncio.sleep(0)
    os.kill(found[0], signal.SIGKILL)
    try:
        assert (await opening).isolation == usual
    finally:
        await sandbox.__aexit__(None, None, None)


async def test_a_killed_job_has_crashed_and_its_zygote_goes_on() -> None:
    async with box() as opened:
        task = await sleeping(opened)
        zygotes = opened.statistics().zygotes
        os.kill(jobs(opened)[0], signal.SIGKILL)
        assert getattr(await task, "status", "") == "crash"
        assert (await opened.run(ONE, "f", {})).value == "1"
        assert opened.statistics().zygotes == zygotes


async def test_a_zygote_that_says_nothing_is_killed_and_its_job_run_elsewhere() -> None:
    async with box(silence_s=0.5, workers=1) as opened:
        (handle,) = opened._zygotes
        (zygote,) = children(handle.pid)
        os.kill(zygote, signal.SIGSTOP)
        assert (await opened.run(ONE, "f", {})).value == "1"
        assert opened.statistics().lost == 1
        assert not alive(zygote)


async def test_a_run_that_takes_longer_than_the_silence_is_waited_for() -> None:
    long = "import time\ndef f():\n    time.sleep(3)\n    return 1\n"
    async with box(silence_s=2.5) as opened:
        assert (await opened.run(long, "f", {}, limits=LONG)).value == "1"
        assert opened.statistics().lost == 0


async def test_what_is_killed_with_the_engine_leaves_nothing() -> None:
    script = (
        "import asyncio, sys\nfrom sandbox import Sandbox, Limits\n"
        "async def main():\n"
        "    async with Sandbox(Limits(cpu_s=60, wall_s=60), workers=2) as box:\n"
        f"        runs = [asyncio.create_task(box.run({SLEEP!r}, 'f', {{}})) for _ in range(2)]\n"
        "        await asyncio.gather(*runs)\n"
        "asyncio.run(main())\n"
    )
    engine = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    pids: list[int] = []
    async with asyncio.timeout(30):
        while len(pids) < 6:
            launchers = children(engine.pid)
            zygotes = [pid for launcher in launchers for pid in children(launcher)]
            pids = [*launchers, *zygotes, *(pid for zygote in zygotes for pid in children(zygote))]
            await asyncio.sleep(0.01)
    engine.kill()
    await engine.wait()
    async with asyncio.timeout(1):
        while [pid for pid in pids if alive(pid)]:
            await asyncio.sleep(0.01)


async def test_a_job_that_kills_whatever_runs_it_is_refused_and_others_go_on() -> None:
    async with box(workers=1) as opened:
        kept_killing = asyncio.create_task(kill_zygotes_that_sleep(opened))
        try:
            with pytest.raises(JobRefused, match="3 times"):
                await opened.run(SLEEP, "f", {}, limits=LONG)
        finally:
            kept_killing.cancel()
        assert (await opened.run(ONE, "f", {})).value == "1"


async def kill_zygotes_that_sleep(opened: Sandbox) -> None:
    """Kills every zygote that has had its job for a tenth of a second, as a fault of the job
    might."""
    while True:
        before = jobs(opened)
        await asyncio.sleep(0.1)
        for handle in opened._zygotes:
            for zygote in children(handle.pid):
                if set(children(zygote)) & set(before):
                    os.kill(zygote, signal.SIGKILL)


async def test_an_idle_sandbox_and_its_folders_are_gone_when_closed() -> None:
    async with box(isolation="landlock") as opened:
        folders = [Path(handle._folder) for handle in opened._zygotes]
        assert all(folder.is_dir() for folder in folders)
    assert folders
    assert not [folder for folder in folders if folder.exists()]


async def test_zygotes_are_kept_for_reuse_and_the_longest_idle_makes_room() -> None:
    async with box(workers=1) as opened:
        for seed in (0, 1, 2, 3, 0):
            assert (await opened.run(ONE, "f", {}, hash_seed=seed)).value == "1"
        assert opened.statistics().zygotes == 4
        for preload in ("numpy", "scipy", "pandas", "sympy"):
            await opened.run(f"# {preload}\n{ONE}", "f", {}, hash_seed=1)
        assert opened.statistics().zygotes <= 3 + 4 + 1


async def test_a_hash_seed_that_no_zygote_has_is_refused() -> None:
    async with box() as opened:
        with pytest.raises(ValueError, match="hash_seed"):
            await opened.run(ONE, "f", {}, hash_seed=9)


async def test_no_calls_are_no_runs() -> None:
    async with box() as opened:
        assert await opened.run_many(Job(code=ONE, entrypoint="f", arguments=())) == []


async def test_a_level_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(ValueError, match="namespaces, bubblewrap, landlock"):
        Sandbox(LIMITS, isolation="castle")


async def test_a_level_that_cannot_be_had_fails_closed_with_what_is_missing() -> None:
    with pytest.raises(IsolationMissing, match=r"runs on darwin only.*needs macOS"):
        async with box(isolation="seatbelt" if sys.platform == "linux" else "namespaces"):
            pass


async def test_a_level_that_promises_more_than_it_holds_does_not_pass_its_self_test() -> None:
    boastful = Level(
        name="boastful",
        namespaces=False,
        landlock=False,
        seccomp=False,
        holds=BY_NAME["namespaces"].holds,
        needs="honesty",
        system="",
    )
    with pytest.raises(
        IsolationMissing, match=r"a file outside is read.*a socket is made.*a process is started"
    ):
        async with box(isolation=boastful):
            pass


async def test_auto_never_takes_a_level_without_walls() -> None:
    async with box() as opened:
        assert BY_NAME[opened.isolation].holds


async def test_what_is_installed_and_cannot_be_seen_is_reported() -> None:
    async with box() as opened:
        assert "numpy" in opened.guest.modules or not any(
            "numpy" in name for name in opened.guest.packages
        )
        assert all(": " in line for line in opened.guest.unseen)
        hidden = [
            str(Path(path))
            for path in opened.guest.path
            if not any(path.startswith(shown) for shown in opened.guest.view)
        ]
    assert hidden == []


async def test_a_folder_that_a_pth_file_adds_is_not_shown_but_reported(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "mine.py").write_text("key = 'secret'\n")
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "theirs.py").write_text("value = 5\n")
    (site / "extra.pth").write_text(str(tmp_path / "checkout") + "\n")
    async with box(python=str(tmp_path / "venv" / "bin" / "python"), workers=1) as opened:
        theirs = await opened.run("import theirs\ndef f(): return theirs.value\n", "f", {})
        mine = await opened.run("import mine\ndef f(): return mine.key\n", "f", {})
        unseen = opened.guest.unseen
    assert theirs.value == "5"
    assert (mine.status, mine.error) == ("error", "ModuleNotFoundError: No module named 'mine'")
    assert any(str(tmp_path / "checkout") in line for line in unseen)


async def test_a_missing_temporary_folder_is_the_sandboxs_error(tmp_path: Path) -> None:
    script = (
        "import asyncio\nfrom sandbox import Sandbox, SandboxError\n"
        "async def main():\n"
        "    try:\n"
        "        async with Sandbox(isolation='landlock'): pass\n"
        "    except SandboxError as exc: print(exc)\n"
        "asyncio.run(main())\n"
    )
    out = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import tempfile; tempfile.tempdir = '/nowhere/at/all'\n" + script,
        stdout=subprocess.PIPE,
    )
    said, _ = await out.communicate()
    assert b"no temporary folder for the sandbox" in said


@pytest.mark.parametrize("python", ["/nowhere/python", str(Path(__file__))])
async def test_an_interpreter_that_cannot_be_used_is_named(python: str) -> None:
    with pytest.raises(GuestUnusable, match=r"sandbox\.python"):
        async with Sandbox(LIMITS, python=python):
            pass


async def test_an_interpreter_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(GuestUnusable, match="missing or not executable"):
        async with Sandbox(LIMITS, python=str(python)):
            pass
    python.chmod(0o755)
    with pytest.raises(GuestUnusable, match="no usable Python 3"):
        async with Sandbox(LIMITS, python=str(python)):
            pass


def test_the_sandbox_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sandbox, sys; print([m for m in sys.modules if m.split('.')[0] in ('aiohttp', "
        "'anyio', 'stages', 'engine')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


async def test_packages_behind_a_link_are_seen(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    site.rename(tmp_path / "elsewhere")
    site.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "theirs.py").write_text("value = 5\n")
    async with box(python=str(tmp_path / "venv" / "bin" / "python"), workers=1) as opened:
        assert (
            await opened.run("import theirs\ndef f(): return theirs.value\n", "f", {})
        ).value == "5"


async def test_a_caller_that_goes_while_a_zygote_starts_leaves_nothing() -> None:
    async with box() as opened:
        for seed in (1, 2, 3):
            async with anyio.create_task_group() as group:
                group.start_soon(opened.run, f"# numpy\n{ONE}", "f", {})
                group.start_soon(partial(opened.run, ONE, "f", {}, hash_seed=seed))
                while opened.statistics().running < 2:
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()  # which cancels at every await, not only once
        pids = [handle.pid for handle in opened._zygotes]
        assert (await opened.run(ONE, "f", {})).value == "1"
    assert opened.statistics().zygotes == 0
    assert not [pid for pid in pids if alive(pid)]


async def test_auto_takes_the_strongest_level_that_this_machine_has_at_all() -> None:
    async with box() as opened:
        taken = opened.isolation
    for level in LADDER[: [level.name for level in LADDER].index(taken)]:
        with pytest.raises(IsolationMissing) as missing:
            async with box(isolation=level):
                pass
        assert "self-test failed" not in str(missing.value)
