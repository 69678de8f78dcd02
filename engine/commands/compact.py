"""`codeio compact`: makes a run folder's journal smaller."""

import click

from engine.commands import options


@click.command()
@options.folder
def command(folder: str) -> None:
    """Makes the journal of the run folder DIR smaller.

    It drops the results that only finished source rows asked for. Going on needs none of them. An
    extension or a fork would ask for them again.

    \b
    Example:
      codeio compact out
    """
    from pathlib import Path

    from engine.errors import BadInput
    from engine.journal.opening import FILE, compact
    from engine.results.rejects import standing_rejects

    journal = Path(folder) / FILE
    if not journal.exists():
        raise BadInput(f"{folder}: there is no {FILE} in it; name a run folder")
    before = journal.stat().st_size
    kept = (reject["source"]["row"] for reject in standing_rejects(journal.parent))
    dropped = compact(journal.parent, kept)
    click.echo(
        f"{journal}: {before} bytes, now {journal.stat().st_size}; {dropped} results were dropped "
        "that only finished source rows had asked for: going on needs none of them, an extension "
        "or a fork would ask again"
    )
