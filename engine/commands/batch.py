"""`codeio batch`: a run's model calls through a provider's batch API."""

from typing import TYPE_CHECKING

import click

from engine.commands import options

if TYPE_CHECKING:
    from engine.config.settings import Config


@click.group()
def command() -> None:
    """Sends a run's model calls through a provider's half-price batch API.

    `write` puts the calls that the run needs now into a file. `read` takes the results in. Repeat
    both until nothing is left to write, then give `run`.

    \b
    Example:
      codeio batch write run.toml calls.jsonl
      codeio batch read run.toml results.jsonl
    """


@command.command()
@options.run_file
@click.argument("file", type=click.Path())
@click.option(
    "--most",
    type=click.IntRange(min=1),
    metavar="N",
    help="Requests in the file, at most. Without it the file has as many as OpenAI's API takes.",
)
@options.overrides
def write(run_file: str, file: str, most: int | None, overrides: tuple[str, ...]) -> None:
    """Writes the calls that the run of RUN.toml needs now, as a batch input file.

    \b
    Example:
      codeio batch write run.toml calls.jsonl --most 10000
    """
    import asyncio
    from pathlib import Path

    from engine import batch

    written = asyncio.run(batch.write(_config(run_file, overrides), Path(file), most or batch.MOST))
    click.echo(
        f"{file}: {written.requests} requests, which can cost {written.most_usd:.4f} USD at most; "
        f"{written.waiting} more are needed now"
    )


@command.command()
@options.run_file
@click.argument("file", type=click.Path())
@options.overrides
def read(run_file: str, file: str, overrides: tuple[str, ...]) -> None:
    """Takes the results of a batch API into the folder of RUN.toml.

    \b
    Example:
      codeio batch read run.toml results.jsonl
    """
    import asyncio
    from pathlib import Path

    from engine import batch

    result = asyncio.run(batch.read(_config(run_file, overrides), Path(file)))
    click.echo(
        f"{file}: {result.answers} answers, {result.refused} refusals, {result.known} that were "
        f"there already; {result.failed} failed and will be asked again"
    )


def _config(run_file: str, overrides: tuple[str, ...]) -> "Config":
    from pathlib import Path

    from engine.config.loading import load_config
    from engine.errors import BadInput

    config = load_config(Path(run_file), overrides)
    if config.folder is None:
        raise BadInput(
            "output.dir is empty: a batch needs a run folder, where its results are kept"
        )
    return config
