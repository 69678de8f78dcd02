"""The command's front: every verb explains itself, and what is mistyped is named."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import engine
from engine.commands.main import VERBS, main

Ran = Callable[..., tuple[int, str, str]]
USAGES = [*((verb,) for verb in VERBS), ("batch", "write"), ("batch", "read")]


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs the command: its exit status, and what it wrote to stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        return main(arguments), *capsys.readouterr()

    return run


@pytest.mark.parametrize("verb", USAGES, ids=" ".join)
def test_every_verb_has_help_with_an_example(ran: Ran, verb: Sequence[str]) -> None:
    status, out, err = ran(*verb, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: codeio {' '.join(verb)} ")
    assert out.partition("Example:\n")[2].strip().startswith(f"codeio {' '.join(verb)} ")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_command_lists_its_verbs_each_with_what_it_does(ran: Ran, option: str) -> None:
    status, out, _ = ran(option)
    listed = [line.split(maxsplit=1) for line in out.partition("Commands:\n")[2].splitlines()]
    assert (status, [verb for verb, _ in listed]) == (0, list(VERBS))


def test_the_version_is_the_packages(ran: Ran) -> None:
    assert ran("--version") == (0, f"codeio-engine {engine.__version__}\n", "")


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        ("rnu", r"there is no verb 'rnu'; did you mean 'run'\?"),
        ("xyzzy", "there is no verb 'xyzzy'; there are: run, init, audit, compact, batch, "),
        ("batch wirte a b", "No such command 'wirte'"),
        ("run x.toml --frok y", r"No such option.*--frok\W.*--fork\W"),
        ("x.toml --replay", r"No such option.*--replay\W.*--replay-only\W"),
        ("--ste a.b=1 x.toml", r"No such option.*--ste\W.*--set\W"),
        ("audit --smaple 3 out", r"No such option.*--smaple\W.*--sample\W"),
        ("audit --sample few out", "Invalid value for '--sample': 'few' is not"),
        ("audit --sample -1 out", "Invalid value for '--sample': -1 is not"),
        ("settings --format yaml", "'yaml' is not one of 'toml', 'markdown'"),
        ("run", "Missing argument 'RUN.toml'"),
        ("init a b", r"Got unexpected extra argument \(b\)"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_exit_2(
    ran: Ran, command: str, pattern: str
) -> None:
    status, out, err = ran(*command.split())
    assert (status, out) == (2, "")
    assert re.fullmatch(f"error: .*{pattern}.*\n", err), err


def test_a_run_file_in_place_of_a_verb_means_run(ran: Ran, tmp_path: Path) -> None:
    missing = str(tmp_path / "run.toml")
    error = f"error: {missing}: the run file cannot be read: No such file or directory\n"
    assert ran(missing) == ran("run", missing) == (2, "", error)
    (tmp_path / "run.toml").write_text("[models.main]\nmodel = 'm'\n")
    for options in (["--set", "limits.max_files=2"], ["--replay-only"]):
        status, _, err = ran(*options, missing)
        assert (status, "[source] path is missing" in err) == (2, True)
    assert "is a folder; give the run file in it" in ran(str(tmp_path))[2]


@pytest.mark.parametrize("arguments", [(), ("batch",)])
def test_the_command_alone_shows_its_help(ran: Ran, arguments: Sequence[str]) -> None:
    _, out, err = ran(*arguments)
    assert (out + err).startswith("Usage: codeio")


def test_init_writes_a_starter_into_a_new_folder_only(ran: Ran, tmp_path: Path) -> None:
    run_file = tmp_path / "demo" / "run.toml"
    written = f"wrote {run_file} and 30 source files.\nnext: codeio {run_file}\n"
    assert ran("init", str(run_file.parent)) == (0, written, "")
    status, _, err = ran("init", str(run_file.parent))
    assert (status, "is there already and not empty" in err) == (2, True)


@pytest.mark.parametrize("verb", ["audit", "compact"])
def test_a_folder_of_no_run_is_refused(ran: Ran, tmp_path: Path, verb: str) -> None:
    status, out, err = ran(verb, str(tmp_path))
    assert (status, out) == (2, "")
    assert re.search(r"name (a run folder|the folder of a run)", err)


def test_help_and_the_bare_import_wait_for_nothing_heavy() -> None:
    heavy = "{'aiohttp', 'pydantic', 'rich', 'sqlite3', 'zstandard'}"
    code = f"import sys, engine, engine.commands.main; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
