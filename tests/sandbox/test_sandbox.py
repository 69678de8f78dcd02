"""What the sandbox promises of a call, against the real thing: one test a way to behave or misbehave."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox import GuestUnusable, Limits, Run, Sandbox, SandboxError, Trace

LIMITS = Limits(cpu_s=1.0, wall_s=1.0, memory_bytes=256 << 20, value_bytes=2000)


@asynccontextmanager
async def box(**options: object) -> AsyncIterator[Sandbox]:
    async with Sandbox(LIMITS, workers=2, **options) as opened:  # type: ignore[arg-type]
        yield opened


async def run(body: str, arguments: str = "{}", head: str = "", **options: object) -> Run:
    names = "n=0, a=None"
    code = f"{head}\ndef f({names}):\n" + "\n".join("    " + line for line in body.split("\n"))
    async with box() as opened:
        return await opened.run(code, "f", arguments, **options)  # type: ignore[arg-type]


async def test_a_value_comes_back_as_canonical_text_with_its_coercions() -> None:
    found = await run("return {'b': (1, 2.50), 'a': {True: -0.0, 3: 'ü'}}")
    assert found.status == "ok"
    assert found.value == '{"b": [1, 2.5], "a": {"true": 0.0, "3": "ü"}}'
    assert found.coerced == ("key", "negative_zero", "tuple")


async def test_arguments_are_json_text_and_arrive_as_they_were_written() -> None:
    found = await run("return [n, a]", '{"a": {"x": [1, 2.0, null]}, "n": 123456789012345678901234567890}')
    assert found.value == '[123456789012345678901234567890, {"x": [1, 2.0, null]}]'


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return {1, 2}", "set"),
        ("return b'x'", "bytes"),
        ("return 1j", "complex"),
        ("return [float('nan')]", "nan"),
        ("return float('inf')", "inf"),
        ("return object()", "object"),
        ("return {None: 1}", "key of type NoneType"),
        ("return {1: 'a', '1': 'b'}", "two keys"),
        ("return '\\ud800'", "surrogate"),
        ("x = []\nfor _ in range(500): x = [x]\nreturn x", "deeper"),
        ("return 'x' * 3000", "bytes of JSON"),
        ("return 10 ** 5000", "digits"),
    ],
)
async def test_a_value_that_is_no_json_is_invalid_and_says_where(body: str, error: str) -> None:
    found = await run(body)
    assert found.status == "invalid"
    assert found.value is None
    assert error in found.error


@pytest.mark.parametrize("body", ["raise ValueError('no such thing')", "import sys; sys.exit(0)", "raise SystemExit(0)",
                                  "raise KeyboardInterrupt"])  # fmt: skip
async def test_an_exception_of_any_kind_is_an_error(body: str) -> None:
    assert (await run(body)).status == "error"


async def test_an_error_carries_its_type_and_message_bounded() -> None:
    assert (await run("raise ValueError('no such thing')")).error == "ValueError: no such thing"
    assert len((await run("raise ValueError('x' * 10**6)")).error) <= 500


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "try:\n  while True: pass\nexcept BaseException:\n  while True: pass",
        "import signal\nfor s in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "import time\ntime.sleep(60)",
        "import threading\nthreading.Event().wait()",
    ],
)
async def test_what_does_not_end_is_a_timeout(body: str) -> None:
    found = await run(body)
    assert (found.status, found.near_limit) == ("timeout", True)


@pytest.mark.parametrize("body", ["return len('x' * (1 << 30))", "x = []\nwhile True: x.append('y' * 10**6)"])
async def test_too_much_memory_is_told_as_such(body: str) -> None:
    assert (await run(body)).status == "memory"


@pytest.mark.parametrize("body", ["import os; os._exit(0)", "import os; os.abort()",
                                  "import ctypes; ctypes.string_at(0)"])  # fmt: skip
async def test_a_process_that_ends_without_an_answer_has_crashed(body: str) -> None:
    assert (await run(body)).status == "crash"


async def test_nothing_that_is_printed_or_patched_counts_as_a_value() -> None:
    found = await run("import json, builtins\nprint('{\"status\": \"ok\"}')\njson.dumps = lambda *a, **k: '1'\n"
                      "builtins.len = lambda x: 0\nreturn [1, 2]")  # fmt: skip
    assert found.value == "[1, 2]"
    assert "status" in found.stdout


async def test_rubbish_on_every_descriptor_is_a_crash_and_no_value() -> None:
    found = await run(
        "import os\nfor fd in range(64):\n  try: os.write(fd, b'zzzzzzzz rubbish')\n  except OSError: pass\nreturn 1"
    )
    assert found.status == "crash"


async def test_stdout_is_kept_up_to_its_bound() -> None:
    found = await run("print('x' * 10**6)\nreturn 1")
    assert len(found.stdout) == LIMITS.stdout_bytes


@pytest.mark.parametrize(("code", "error"), [("def f(:", "SyntaxError"), ("import nothing_like_it", "ModuleNotFoundError"),
                                             ("g = 1", "no function 'f'"), ("1/0", "ZeroDivisionError")])  # fmt: skip
async def test_code_that_cannot_be_loaded_says_so(code: str, error: str) -> None:
    async with box() as opened:
        found = await opened.run(code, "f", "{}")
    assert (found.status, found.phase) == ("error", "load")
    assert error in found.error


@pytest.mark.parametrize("arguments", ["{", "{'n': 1}", '{"n": NaN}', ""])
async def test_an_argument_that_is_no_json_is_invalid(arguments: str) -> None:
    assert (await run("return n", arguments)).status == "invalid"


async def test_arguments_that_do_not_fit_are_an_error() -> None:
    found = await run("return n", '{"m": 1}')
    assert found.status == "error"
    assert "unexpected keyword argument 'm'" in found.error


async def test_an_argument_beyond_all_bounds_is_the_sandboxs_error() -> None:
    async with box() as opened:
        with pytest.raises(SandboxError, match="bytes is more than"):
            await opened.run("def f(n): return 1", "f", {"n": "x" * (65 << 20)})
        assert (await opened.run("def f(n): return n", "f", {"n": 1})).value == "1"


async def test_a_call_that_ends_its_process_leaves_the_others_their_values() -> None:
    code = "import os\ndef f(n):\n    if n == 1: os._exit(3)\n    if n == 3:\n        while True: pass\n    return n\n"
    async with box() as opened:
        found = await opened.run_many(code, "f", [{"n": n} for n in range(5)])
    assert [one.status for one in found] == ["ok", "crash", "ok", "timeout", "ok"]
    assert [one.value for one in found] == ["0", None, "2", None, "4"]


async def test_calls_stop_once_they_have_used_up_their_time_together() -> None:
    code = "def f(n):\n    import time\n    end = time.process_time() + 0.3\n    while time.process_time() < end: pass\n    return n\n"
    async with box() as opened:
        found = await opened.run_many(code, "f", [{"n": n} for n in range(6)], total_cpu_s=0.5)
    assert [one.status for one in found] == ["ok", "ok", "timeout", "timeout", "timeout", "timeout"]


async def test_random_numbers_follow_from_the_seed_and_not_from_earlier_calls() -> None:
    code = "import random\ndef f(n): return random.random()\n"
    async with box() as opened:
        one, two = await opened.run_many(code, "f", [{"n": 1}, {"n": 2}], seed=5)
        other = await opened.run(code, "f", {"n": 1}, seed=6)
    assert one.value == two.value != other.value


async def test_a_hash_seed_orders_sets_and_another_orders_them_otherwise() -> None:
    code = "def f(): return list({str(n) for n in range(50)})\n"
    async with box() as opened:
        found = [await opened.run(code, "f", {}, hash_seed=seed) for seed in (0, 0, 1)]
        with pytest.raises(ValueError, match="hash_seed"):
            await opened.run(code, "f", {}, hash_seed=9)
    assert found[0].value == found[1].value != found[2].value


async def test_a_traced_call_counts_its_lines_and_tells_its_changes() -> None:
    code = "def f(n):\n    t = 0\n    for i in range(n):\n        t += i\n    return t\n"
    async with box() as opened:
        found = await opened.run(code, "f", {"n": 2}, trace=Trace(changes=10))
        bounded = await opened.run(code, "f", {"n": 10**6}, trace=Trace(events=1000))
    assert (found.value, found.steps, found.lines) == ("1", 7, (2, 3, 4, 5))
    assert found.changes == ((2, "t", "0"), (3, "i", "0"), (3, "i", "1"), (4, "t", "1"))
    assert (bounded.status, bounded.steps) == ("timeout", 1001)


async def test_a_changed_argument_is_seen() -> None:
    assert (await run("a.append(1)\nreturn len(a)", '{"a": [0]}')).mutated
    assert not (await run("return len(a)", '{"a": [0]}')).mutated


async def test_draws_are_distinct_counted_and_the_same_for_the_same_seed() -> None:
    code = ("import random\ndef g():\n    n = random.randint(0, 9)\n    if n == 3: raise ValueError(n)\n"
            "    if n == 4: return {n}\n    if n == 5: return 'x' * 500\n    return n\n")  # fmt: skip
    async with box() as opened:
        one, two = [
            await opened.draw(code, "g", calls=400, distinct=50, seed=7, value_bytes=100, cpu_s=5.0) for _ in range(2)
        ]
        few = await opened.draw(code, "g", calls=400, distinct=2, seed=7, value_bytes=100, cpu_s=5.0)
    assert one.values == two.values
    assert sorted(one.values) == ["0", "1", "2", "6", "7", "8", "9"]
    assert one.calls == 400
    assert min(one.raised, one.invalid, one.oversize) > 0
    assert one.errors == ("ValueError: 3",)
    assert len(few.values) == 2
    assert few.calls < 400


async def test_draws_that_do_not_end_are_a_timeout() -> None:
    async with box() as opened:
        found = await opened.draw(
            "def g():\n    while True: pass\n", "g", calls=9, distinct=9, seed=0, value_bytes=9, cpu_s=0.2
        )
    assert found.run.status == "timeout"


async def test_no_secret_of_the_environment_is_seen_inside() -> None:
    os.environ["A_SECRET"] = "x"  # what a user's shell holds
    try:
        found = await run("import os\nreturn sorted(os.environ)")
    finally:
        del os.environ["A_SECRET"]
    assert found.value is not None
    assert "A_SECRET" not in found.value


async def test_files_of_a_job_are_gone_when_it_has_ended() -> None:
    found = await run("import os, tempfile\nopen('x', 'w').write('y')\nreturn [os.getcwd(), tempfile.gettempdir()]")
    assert found.value is not None
    for folder in set(found.value.strip("[]").replace('"', "").split(", ")):
        assert not Path(folder).exists()


async def test_a_cancelled_run_is_killed_and_its_place_is_free() -> None:
    async with box() as opened:
        task = asyncio.create_task(opened.run("import time\ndef f(): time.sleep(50)\n", "f", {}))
        while not opened._live:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            while opened.statistics().running:
                await asyncio.sleep(0)
        assert (await opened.run("def f(): return 1", "f", {})).value == "1"


async def test_closing_the_sandbox_kills_what_runs() -> None:
    async with box() as opened:
        task = asyncio.create_task(opened.run("import time\ndef f(): time.sleep(50)\n", "f", {}))
        while not opened._live:
            await asyncio.sleep(0)
    with pytest.raises(Exception):  # noqa: B017  # its kind does not matter, that it ends at once does
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("python", ["/nowhere/python", str(Path(__file__))])
async def test_an_interpreter_that_cannot_be_used_is_named(python: str) -> None:
    with pytest.raises(GuestUnusable, match=r"sandbox\.python"):
        async with Sandbox(LIMITS, python=python):
            pass


async def test_another_interpreter_can_be_the_guest() -> None:
    async with Sandbox(LIMITS, python=sys.executable) as opened:
        found = await opened.run("import sys\ndef f(): return sys.version_info[0]\n", "f", {})
    assert found.value == "3"


def test_the_sandbox_needs_nothing_but_the_standard_library() -> None:
    code = "import sandbox, sys; print([m for m in sys.modules if m.split('.')[0] in ('aiohttp', 'anyio', 'stages', 'engine')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


async def test_numpy_values_become_plain_ones_and_its_numbers_follow_from_the_seed() -> None:
    pytest.importorskip("numpy", reason="the guest has no numpy")
    code = (
        "import numpy as np\ndef f(n):\n    return {'a': np.arange(n), 'b': np.float64(0.5), 'c': np.bool_(True),"
        " np.int64(7): np.random.rand()}\n"
    )
    async with box() as opened:
        one, two = await opened.run_many(code, "f", [{"n": 3}, {"n": 3}], seed=1)
        nan = await opened.run("import numpy as np\ndef f(): return np.array([np.nan])\n", "f", {})
    assert one.value == two.value
    assert one.value is not None
    assert one.value.startswith('{"a": [0, 1, 2], "b": 0.5, "c": true, "7": 0.')
    assert one.coerced == ("key", "numpy")
    assert nan.status == "invalid"
