"""`codeio settings`: all settings of the run file, explained."""

import click

FORMATS = ("toml", "markdown", "json-schema")


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="toml",
    show_default=True,
    help="A commented run file, a page of documentation, or a JSON Schema for editors.",
)
def command(form: str) -> None:
    """Prints every setting of the run file, with its meaning, unit, default and reason.

    \b
    Example:
      codeio settings > run.toml
      codeio settings --format json-schema > run.schema.json
    """
    from engine.config import reference

    click.echo(reference.render(form), nl=False)
