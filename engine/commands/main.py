"""The command: finds the verb, prints errors, and ends with an exit status for scripts.

- 0: finished.
- 1: stopped with work left. The same command continues.
- 2: the command, the run file, the input, a key or the folder is wrong.
- 3: the machine failed, or there was a bug.
- 4: a check said no.
"""

import difflib
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click

import engine
from engine.errors import EngineError

VERBS = ("run", "init", "audit", "compact", "batch", "settings")
INTERRUPTED = 1


class Verbs(click.Group):
    """The verbs, each in a module of its name. A run file in place of a verb means `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        name: str,
    ) -> click.Command | None:
        if name not in VERBS:
            return None
        module = importlib.import_module(f"engine.commands.{name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and _is_for_run(args[0]):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            raise click.UsageError(f"there is no verb {args[0]!r}{suggestion(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


def _is_for_run(first: str) -> bool:
    """Whether a first argument that is no verb stands for a run file, or for an option of `run`."""
    if first in VERBS or first in ("--help", "-h", "--version"):
        return False
    return first.startswith("--") or first.endswith(".toml") or Path(first).exists()


def suggestion(name: str, there: Sequence[str]) -> str:
    """The end of a message: the name that was meant perhaps, else all names there are."""
    close = difflib.get_close_matches(name, there, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(there)}"


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(engine.__version__, message="codeio-engine %(version)s")
def command() -> None:
    """Turns source code into verified reasoning data for language models.

    A run file in place of a verb means `run`. Each verb explains its options with --help.

    \b
    Example:
      codeio init demo
      codeio run demo/run.toml
    """


def main(arguments: Sequence[str] | None = None, prog: str = "codeio") -> int:
    """Runs the command, and returns its exit status.

    arguments: without the program's name. None: those of this process.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("engine.results.monitor").setLevel(logging.INFO)
    given = list(sys.argv[1:] if arguments is None else arguments)
    # By itself click would end the process, with statuses of its own.
    try:
        status = command.main(args=given, prog_name=prog, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return exc.exit_code
    except click.ClickException as exc:
        click.echo(f"error: {exc.format_message()}", err=True)
        return 2
    except EngineError as exc:
        click.echo(f"error: {exc}", err=True)
        return exc.exit_status
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0
