"""Code that starts, signals or becomes another process, and code that ends its own too early."""

from functools import partial

from tests.hostile.case import Case, case
from tests.hostile.syscalls import KERNEL

_process = partial(case, "process")
_exit = partial(case, "exit")

_FORKED = """
def escaped(child):
    if child == 0:
        os._exit(0)
    return "ESCAPED " + str(child)


"""

# Machine code for x86_64 that makes a 32-bit call (int 0x80), where numbers mean other calls.
GATE = (
    KERNEL
    + _FORKED
    + r"""
import mmap, struct


def gate(nr, first=0, second=0):
    if os.uname().machine != "x86_64":
        raise OSError(errno.ENOSYS, "no 32-bit calls on this machine")
    code = bytes.fromhex("53 89f8 89f3 89d1 cd80 5b c3")
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    enter = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_uint, ctypes.c_uint)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    answer = enter(at)(nr, first, second)
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer))
    return answer


"""
)

_NO = "denied"
_NONE = "denied error"  # this machine has no such call, or it says that there is no such process

PROCESS: tuple[Case, ...] = (
    _process(
        "fork",
        _NO,
        """
        def f():
            return escaped(os.fork())
        """,
        head="import os\n" + _FORKED,
    ),
    _process(
        "fork while the text is loaded",
        _NO,
        """
        escaped(os.fork())

        def f():
            return "ESCAPED"
        """,
        head="import os\n" + _FORKED,
    ),
    _process(
        "fork by the C library",
        _NO,
        """
        def f():
            child = libc.fork()
            if child == -1:
                raise OSError(ctypes.get_errno(), "fork")
            return escaped(child)
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "fork from a thread",
        _NO,
        """
        import concurrent.futures

        def f():
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return escaped(pool.submit(os.fork).result())
        """,
        head="import os\n" + _FORKED,
    ),
    _process(
        "fork by number",
        _NONE,
        """
        def f():
            return escaped(call("fork"))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "vfork by number",
        _NONE,
        """
        def f():
            return escaped(call("vfork"))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone as fork",
        _NO,
        """
        def f():
            return escaped(call("clone", 17, 0, 0, 0, 0))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone as a sibling",
        _NO,
        """
        def f():
            return escaped(call("clone", 0x8000 | 17, 0, 0, 0, 0))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone without a signal",
        _NO,
        """
        def f():
            return escaped(call("clone", 0, 0, 0, 0, 0))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone with the flag of threads in the upper half",
        _NO,
        """
        def f():
            return escaped(call("clone", (0x3D0F00 << 32) | 17, 0, 0, 0, 0))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone into new namespaces",
        _NO,
        """
        def f():
            return escaped(
                call("clone", 0x10000000 | 0x20000 | 0x20000000 | 0x40000000 | 17, 0, 0, 0, 0)
            )
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone3 as fork",
        _NONE,  # reported as absent, so that threads are made by clone
        """
        def f():
            wanted = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
            return escaped(call("clone3", wanted, 88))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "clone3 into new namespaces",
        _NONE,
        """
        def f():
            wanted = (ctypes.c_uint64 * 11)(0x10000000 | 0x20000, 0, 0, 0, 17)
            return escaped(call("clone3", wanted, 88))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "fork by a 32-bit call",
        "denied crash error",  # a processor or kernel without them ends the run by a signal
        """
        def f():
            return escaped(gate(2))
        """,
        head=GATE,
    ),
    _process(
        "fork by a number of the x32 kind",
        _NONE,
        """
        def f():
            if os.uname().machine != "x86_64":
                raise OSError(errno.ENOSYS, "no such kind on this machine")
            return escaped(raw(57 | 0x40000000))
        """,
        head=KERNEL + _FORKED,
    ),
    _process(
        "spawn",
        _NO,
        """
        import os, sys

        def f():
            return "ESCAPED" + str(os.posix_spawn(sys.executable, [sys.executable, "-V"], {}))
        """,
    ),
    _process(
        "subprocess",
        _NO,
        """
        import subprocess, sys

        def f():
            return "ESCAPED" + str(subprocess.run([sys.executable, "-V"]).returncode)
        """,
    ),
    _process(
        "subprocess by a shell",
        _NO,
        """
        import subprocess

        def f():
            return "ESCAPED" + subprocess.check_output("id", shell=True, text=True)
        """,
    ),
    _process(
        "subprocess in a session of its own",
        _NO,
        """
        import subprocess, sys

        def f():
            child = subprocess.Popen(
                [sys.executable, "-c", "while True: pass"], start_new_session=True
            )
            return "ESCAPED" + str(child.pid)
        """,
    ),
    _process(
        "subprocess of the event loop",
        "denied error",  # its watcher may fail first
        """
        import asyncio, sys

        async def start():
            child = await asyncio.create_subprocess_exec(sys.executable, "-V")
            return "ESCAPED" + str(child.pid)

        def f():
            return asyncio.run(start())
        """,
    ),
    _process(
        "shell of the C library",
        "ok denied",
        """
        import os

        def f():
            return "ESCAPED" if os.system("exit 0") == 0 else "refused"
        """,
        value="refused",
    ),
    _process(
        "pipe from a shell",
        _NO,
        """
        import os

        def f():
            return "ESCAPED" + os.popen("id").read()
        """,
    ),
    _process(
        "process of multiprocessing",
        "denied error",  # sockets, semaphores or the shared folder may be missed first
        """
        import multiprocessing

        def f():
            child = multiprocessing.get_context("fork").Process(target=print)
            child.start()
            return "ESCAPED" + str(child.pid)
        """,
    ),
    _process(
        "pool of processes",
        "denied error timeout",  # a pool that cannot start its workers may wait for them
        """
        import concurrent.futures

        def f():
            with concurrent.futures.ProcessPoolExecutor(1) as pool:
                return "ESCAPED" + str(pool.submit(abs, -1).result())
        """,
    ),
    _process(
        "terminal of a child",
        "denied error",
        """
        import pty

        def f():
            return escaped(pty.fork()[0])
        """,
        head="import os\n" + _FORKED,
    ),
    _process(
        "double fork into the background",
        _NO,
        """
        import os, time

        def f():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        time.sleep(1)
                os._exit(0)
            return "ESCAPED"
        """,
    ),
    _process(
        "daemon of the C library",
        _NO,
        """
        def f():
            if libc.daemon(0, 0) == -1:
                raise OSError(ctypes.get_errno(), "daemon")
            return "ESCAPED"
        """,
        head=KERNEL,
    ),
    _process(
        "fork without end",
        "timeout denied",
        """
        import os

        def f():
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """,
    ),
    _process(
        "another program in its place",
        _NO,
        """
        import os, sys

        def f():
            os.execv(sys.executable, [sys.executable, "-c", "import os; os.write(1, b'ESCAPED')"])
        """,
    ),
    _process(
        "another program by the loader",
        "denied error",
        """
        import glob, os, sys

        def f():
            loader = (
                glob.glob("/lib64/ld-linux*")
                + glob.glob("/lib/ld-linux*")
                + ["/lib/ld-musl-x86_64.so.1"]
            )[0]
            os.execv(loader, [loader, sys.executable, "-V"])
        """,
    ),
    _process(
        "own program in the own folder",
        _NO,
        """
        import os

        def f():
            with open("mine", "w") as file:
                file.write("#!/bin/sh\\necho ESCAPED\\n")
            os.chmod("mine", 0o755)
            os.execv("./mine", ["mine"])
        """,
    ),
    _process(
        "program in memory",
        "denied error",
        """
        import os, sys

        def f():
            end = os.memfd_create("program")
            with open(os.path.realpath(sys.executable), "rb") as file:
                os.write(end, file.read(1 << 20))
            os.execve(end, ["x"], {})
        """,
    ),
    _process(
        "program by descriptor and number",
        f"{_NO} error",  # the interpreter's own program need not be shown
        """
        import sys

        def f():
            end = os.open(os.path.realpath(sys.executable), os.O_RDONLY)
            nothing = (ctypes.c_void_p * 1)()
            return must_refuse("execveat", end, b"", nothing, nothing, 0x1000)
        """,
        head=KERNEL,
    ),
    _process(
        "signal to the process that started all",
        _NONE,
        """
        import os, signal

        def f(pid):
            os.kill(pid, 0)
            os.kill(pid, signal.SIGURG)
            return "ESCAPED"
        """,
        facts="pid",
    ),
    _process(
        "signal to the parent of the process that started all",
        _NONE,
        """
        import os

        def f(ppid):
            os.kill(ppid, 0)
            return "ESCAPED"
        """,
        facts="ppid",
    ),
    _process(
        "parent killed",
        # the parent is out of sight, the run itself, or a first process that hears nothing
        "denied error crash ok",
        """
        import os, signal

        def f():
            os.kill(os.getppid(), signal.SIGKILL)
            return "alive"
        """,
        value="alive",
    ),
    _process(
        "parent stopped",
        "denied error timeout crash ok",
        """
        import os, signal

        def f():
            os.kill(os.getppid(), signal.SIGSTOP)
            return "alive"
        """,
        value="alive",
    ),
    _process(
        "first process killed",
        "denied error crash ok",  # the first of a namespace hears nothing from inside
        """
        import os, signal

        def f():
            os.kill(1, signal.SIGKILL)
            return "alive"
        """,
        value="alive",
    ),
    _process(
        "everybody killed",
        "denied error crash",  # ESRCH: there is nobody else
        """
        import os, signal

        def f():
            os.kill(-1, signal.SIGKILL)
            return "ESCAPED"
        """,
    ),
    _process(
        "everybody stopped",
        "denied error timeout crash",
        """
        import os, signal

        def f():
            os.kill(-1, signal.SIGSTOP)
            return "ESCAPED"
        """,
    ),
    _process(
        "every process near by killed",
        "ok denied crash",
        """
        import os, signal

        def f():
            own, found = os.getpid(), []
            for each in list(range(2, 3000)):
                try:
                    if each != own:
                        os.kill(each, signal.SIGKILL)
                        found.append("ESCAPED " + str(each))
                except OSError:
                    pass
            return found
        """,
        value=[],
    ),
    _process(
        "own group killed",
        # the group of the run holds nobody else, or it holds the first of the namespace only
        "crash denied error ok",
        """
        import os, signal

        def f():
            os.killpg(0, signal.SIGKILL)
            return "alive"
        """,
        value="alive",
    ),
    _process(
        "group of the process that started all",
        _NONE,
        """
        import os

        def f(pgid):
            os.killpg(pgid, 0)
            return "ESCAPED"
        """,
        facts="pgid",
    ),
    _process(
        "thread of the process that started all",
        _NONE,
        """
        def f(pid):
            return "ESCAPED" + str(call("tgkill", pid, pid, 0)) + str(call("tkill", pid, 0))
        """,
        head=KERNEL,
        facts="pid",
    ),
    _process(
        "queued signal to the process that started all",
        _NONE,
        """
        def f(pid):
            info = (ctypes.c_int * 32)(23, 0, -1)
            return "ESCAPED" + str(call("rt_sigqueueinfo", pid, 23, info))
        """,
        head=KERNEL,
        facts="pid",
    ),
    _process(
        "descriptor of the process that started all",
        _NONE,
        """
        def f(pid):
            return "ESCAPED" + str(call("pidfd_open", pid, 0))
        """,
        head=KERNEL,
        facts="pid",
    ),
    _process(
        "signal by the owner of a pipe",
        _NONE,
        """
        import fcntl, os

        def f(pid):
            end, other = os.pipe()
            fcntl.fcntl(end, fcntl.F_SETOWN, pid)
            if fcntl.fcntl(end, fcntl.F_GETOWN) != pid:
                raise PermissionError("no such owner")
            return "ESCAPED"
        """,
        facts="pid",
    ),
    _process(
        "session of its own",
        "ok denied error",  # harmless: it leads nobody
        """
        import os

        def f():
            os.setsid()
            return "alone"
        """,
        value="alone",
    ),
    _process(
        "priority of the process that started all",
        _NONE,
        """
        import os

        def f(pid):
            os.setpriority(os.PRIO_PROCESS, pid, 19)
            return "ESCAPED"
        """,
        facts="pid",
    ),
    _process(
        "limits of the process that started all",
        _NONE,
        """
        import resource

        def f(pid):
            return "ESCAPED" + str(resource.prlimit(pid, resource.RLIMIT_CORE))
        """,
        facts="pid",
    ),
    _process(
        "processors of the process that started all",
        _NONE,
        """
        import os

        def f(pid):
            os.sched_setaffinity(pid, [0])
            return "ESCAPED"
        """,
        facts="pid",
    ),
    _process(
        "children counted",
        "error denied",  # no child processes
        """
        import os

        def f():
            return "ESCAPED" + str(os.waitpid(-1, os.WNOHANG))
        """,
    ),
)

_LOST = "crash"

EXIT: tuple[Case, ...] = (
    _exit(
        "exit without a word",
        _LOST,
        """
        import os

        def f():
            os._exit(0)
        """,
    ),
    _exit(
        "exit with a number",
        _LOST,
        """
        import os

        def f():
            os._exit(42)
        """,
    ),
    _exit(
        "exit while the text is loaded",
        _LOST,
        """
        import os
        os._exit(0)

        def f():
            return 1
        """,
    ),
    _exit(
        "exit of the C library",
        _LOST,
        """
        import ctypes

        def f():
            ctypes.CDLL(None).exit(0)
        """,
    ),
    _exit(
        "exit by number",
        "crash timeout",  # only this thread ends
        """
        def f():
            call("exit", 0)
        """,
        head=KERNEL,
    ),
    _exit(
        "end of the first thread",
        "crash timeout",
        """
        import ctypes

        def f():
            ctypes.CDLL(None).pthread_exit(None)
        """,
    ),
    _exit(
        "exit from a thread",
        _LOST,
        """
        import os, threading

        def f():
            thread = threading.Thread(target=os._exit, args=(0,))
            thread.start()
            thread.join()
            return 2
        """,
    ),
    _exit(
        "sys.exit",
        "error",
        """
        import sys

        def f():
            sys.exit(0)
        """,
    ),
    _exit(
        "sys.exit while the text is loaded",
        "error",
        """
        import sys
        sys.exit(0)

        def f():
            return 3
        """,
    ),
    _exit(
        "sys.exit with something odd",
        "error",
        """
        import sys

        class Odd:
            def __str__(self):
                raise KeyboardInterrupt

            __repr__ = __str__

        def f():
            sys.exit(Odd())
        """,
    ),
    _exit(
        "keyboard interrupt",
        "error",
        """
        def f():
            raise KeyboardInterrupt
        """,
    ),
    _exit(
        "base exceptions in a group",
        "error",
        """
        def f():
            raise BaseExceptionGroup("x", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
        """,
    ),
    _exit(
        "generator exit",
        "error",
        """
        def f():
            raise GeneratorExit
        """,
    ),
    _exit(
        "stop of an iteration",
        "error",
        """
        def f():
            raise StopIteration(5)
        """,
    ),
    _exit(
        "exit from a destructor",
        "ok",
        """
        class Last:
            def __del__(self):
                raise SystemExit(0)

        def f():
            Last()
            return 4
        """,
        value=4,
    ),
    _exit(
        "exit of a thread alone",
        "ok",
        """
        import sys, threading

        def f():
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
            return 5
        """,
        value=5,
    ),
    _exit(
        "exit at the exit",
        "ok crash",
        """
        import atexit, os

        def f():
            atexit.register(os._exit, 0)
            return 6
        """,
        value=6,
    ),
    _exit(
        "sleep at the exit",
        "ok timeout",
        """
        import atexit, time

        def f():
            atexit.register(time.sleep, 10**6)
            return 7
        """,
        value=7,
    ),
    _exit(
        "destructor that exits while the value is written",
        "ok crash invalid error",
        """
        import os

        class Last:
            def __del__(self):
                os._exit(0)

        def f():
            rows = [8]
            f.keep = Last()
            return rows
        """,
        value=[8],
    ),
    _exit(
        "threads left",
        "ok timeout",
        """
        import threading, time

        def f():
            for _ in range(8):
                threading.Thread(target=time.sleep, args=(10**6,)).start()
            return 9
        """,
        value=9,
    ),
    _exit(
        "abort",
        _LOST,
        """
        import os

        def f():
            os.abort()
        """,
    ),
    _exit(
        "abort while the text is loaded",
        _LOST,
        """
        import os
        os.abort()

        def f():
            return 1
        """,
    ),
    _exit(
        "kill of itself",
        "crash denied ok",  # the first of a namespace does not hear itself
        """
        import os, signal

        def f():
            os.kill(os.getpid(), signal.SIGKILL)
            return "alive"
        """,
        value="alive",
    ),
    _exit(
        "stop of itself",
        "timeout crash denied ok",
        """
        import os, signal

        def f():
            os.kill(os.getpid(), signal.SIGSTOP)
            return "alive"
        """,
        value="alive",
    ),
    _exit(
        "every signal to itself",
        "crash denied timeout error ok",
        """
        import signal

        def f():
            for each in sorted(signal.valid_signals()):
                signal.raise_signal(each)
            return "alive"
        """,
        value="alive",
    ),
    _exit(
        "alarm without a handler",
        "crash denied timeout",
        """
        import signal, time

        def f():
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            time.sleep(10**6)
        """,
    ),
    _exit(
        "read of address zero",
        _LOST,
        """
        import ctypes

        def f():
            return ctypes.string_at(0)[0]
        """,
    ),
    _exit(
        "jump into nothing",
        _LOST,
        """
        import ctypes

        def f():
            return ctypes.CFUNCTYPE(ctypes.c_int)(16)()
        """,
    ),
    _exit(
        "crash by the fault handler",
        # the first process of a namespace does not die of a signal that it sends itself
        f"{_LOST} ok",
        """
        import faulthandler

        def f():
            faulthandler.enable = faulthandler.disable
            faulthandler._sigsegv()
        """,
    ),
    _exit(
        "fatal error of the interpreter",
        _LOST,
        """
        import ctypes

        def f():
            ctypes.pythonapi.Py_FatalError(b"ESCAPED")
        """,
    ),
    _exit(
        "interpreter finalised",
        "crash error",
        """
        import ctypes

        def f():
            ctypes.pythonapi.Py_FinalizeEx()
            return "ESCAPED"
        """,
    ),
    _exit(
        "bytecode that is none",
        "crash error memory timeout ok invalid",  # whatever it computes is the run's own value
        """
        def odd():
            return 1

        def f():
            odd.__code__ = odd.__code__.replace(co_code=bytes([100, 200] * 50 + [83, 0]))
            return odd() and "own"
        """,
    ),
    _exit(
        "reference counts taken away",
        "crash error ok",
        """
        import ctypes

        def f():
            rows = [object() for _ in range(10)]
            for each in rows:
                for _ in range(5):
                    ctypes.pythonapi.Py_DecRef(ctypes.py_object(each))
            return "own"
        """,
        value="own",
    ),
)
