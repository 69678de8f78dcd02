"""Harmless code that reports what surrounds a run, which is the same in every run of every box."""

import textwrap

PROBE = textwrap.dedent(
    """
    import builtins, decimal, gc, json, os, random, resource, signal, sys, tempfile, threading, time

    def quiet(call):
        try:
            return call()
        except Exception as error:
            return type(error).__name__

    def opened(each):
        try:
            os.fstat(each)
            return True
        except OSError:
            return False

    def heard(each):
        handler = signal.getsignal(each)
        return getattr(handler, "__name__", None) or str(handler)

    def f(n):
        here = os.getcwd()
        listed = sorted(os.listdir("."))
        modules = sorted({each.split(".")[0] for each in sys.modules})
        mask = os.umask(0o077)
        os.umask(mask)
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("x" * n)
            file.flush()
            written = os.path.getsize(file.name)
        random.seed(n)
        limits = [each for each in dir(resource) if each.startswith("RLIMIT_")]
        return {
            "sum": sum(each * each for each in range(n)),
            "environment": sorted(
                key + "=" + value.replace(here, "HERE") for key, value in os.environ.items()
            ),
            "files": listed,
            "written": written,
            "temporary": tempfile.gettempdir().replace(here, "HERE"),
            "limits": {each: list(resource.getrlimit(getattr(resource, each))) for each in limits},
            "set": "".join({chr(97 + each) for each in range(20)}),
            "hash": hash("text"),
            "chance": [random.randint(0, 10**6), random.Random(n).random()],
            "mask": mask,
            "priority": quiet(lambda: os.getpriority(os.PRIO_PROCESS, 0)),
            "processors": quiet(lambda: len(os.sched_getaffinity(0))),
            "descriptors": sum(opened(each) for each in range(256)),
            "modules": modules,
            "way": [each.replace(here, "HERE") for each in sys.path],
            "finders": len(sys.meta_path),
            "builtins": len(dir(builtins)),
            "signals": {str(int(each)): heard(each) for each in signal.valid_signals()},
            "blocked": sorted(int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            "threads": threading.active_count(),
            "recursion": sys.getrecursionlimit(),
            "digits": sys.get_int_max_str_digits(),
            "switch": sys.getswitchinterval(),
            "collector": [gc.isenabled(), list(gc.get_threshold())],
            "precision": decimal.getcontext().prec,
            "zone": list(time.tzname),
            "trace": [sys.gettrace() is None, sys.getprofile() is None],
            "json": json.dumps({"a": [1, 2.5, None]}),
            "host": quiet(lambda: os.uname().nodename),
        }
    """
)
ARGUMENTS = '{"n": 100}'

# These look for walls, and do no harm where there are none. Each lists what it could reach.
WALL_OF_FILES = textwrap.dedent(
    """
    import os

    def f(private, public, source):
        ways = ("/proc/self", "/sys/kernel", "/etc/passwd", private, public, source)
        return [each for each in ways if read(each)]

    def read(way):
        try:
            return os.listdir(way) if os.path.isdir(way) else open(way, "rb").read(1)
        except OSError:
            return None
    """
)
WALL_OF_WRITES = textwrap.dedent(
    """
    import os

    def f():
        seen = []
        try:
            open(os.__file__, "r+b").close()
            seen.append(os.__file__)
        except OSError:
            pass
        for top in ("/", "/etc", "/usr", os.path.dirname(os.__file__)):
            way = os.path.join(top, "hostile-wall-" + str(os.getpid()))
            try:
                os.mkdir(way)
                os.rmdir(way)
                seen.append(top)
            except OSError:
                pass
        return seen
    """
)
WALL_OF_CALLS = textwrap.dedent(
    """
    import os, socket

    def f(pid):
        seen = []
        try:
            os.kill(pid, 0)
            seen.append("signals to the host")
        except OSError:
            pass
        try:
            socket.socket().close()
            seen.append("sockets")
        except OSError:
            pass
        try:
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            seen.append("processes")
        except OSError:
            pass
        return seen
    """
)
