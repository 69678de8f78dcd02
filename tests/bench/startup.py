"""What the command costs before it does anything, in CPU seconds beside Python itself.

python -m tests.bench.startup
"""

import resource
import statistics
import subprocess
import sys

RUNS = 10
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import engine": ("-c", "import engine"),
    "python -m engine --help": ("-m", "engine", "--help"),
    "import engine; engine.Engine": ("-c", "import engine; engine.Engine"),
}


def cpu_s(arguments: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    found = {
        name: statistics.median(cpu_s(arguments) for _ in range(RUNS))
        for name, arguments in COMMANDS.items()
    }
    bare = found["python -c pass"]
    for name, taken in found.items():
        print(f"{name:<30} {taken:.3f} s CPU, {taken / bare:.1f} of a bare Python")


if __name__ == "__main__":
    main()
