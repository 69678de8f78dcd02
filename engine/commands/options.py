"""Arguments and options that several verbs take."""

import click

run_file = click.argument("run_file", metavar="RUN.toml", type=click.Path())
overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Lays a setting over the run file. May be given again. VALUE is TOML, or else text.",
)
folder = click.argument("folder", metavar="DIR", type=click.Path())
