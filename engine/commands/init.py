"""`codeio init`: writes a starter."""

import click

from engine.commands import options


@click.command()
@options.folder
def command(folder: str) -> None:
    """Writes a starter into DIR: source files, and a run file with every setting explained.

    DIR must be new or empty. A JSON Schema beside the run file lets editors check
    it. The starter runs on an embedded model, without a key or a network.

    \b
    Example:
      codeio init demo
    """
    import shutil
    from importlib import resources
    from pathlib import Path

    from engine.config import reference
    from engine.errors import BadInput

    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadInput(f"{path} is there already and not empty; choose another folder")
    starter = resources.files("engine").joinpath("starter")
    try:
        (path / "code").mkdir(parents=True)
        with resources.as_file(starter) as files:
            shutil.copy(files / "run.toml", path / "run.toml")
            (path / "run.schema.json").write_text(reference.json_schema())
            for file in sorted((files / "code").glob("*.py")):
                shutil.copy(file, path / "code" / file.name)
    except OSError as exc:
        raise BadInput(f"{path}: cannot be written: {exc.strerror}") from exc
    count = len(list((path / "code").iterdir()))
    prog = click.get_current_context().find_root().info_name
    click.echo(f"wrote {path / 'run.toml'} and {count} source files.")
    click.echo(f"next: {prog} {path / 'run.toml'}")
