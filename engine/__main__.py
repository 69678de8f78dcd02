"""`python -m engine`: the same command as `codeio`."""

import importlib.util
import sys
from pathlib import Path


def hidden() -> str:
    """The package of ours that a folder of the same name hides, and that folder. "" if none is.

    `python -m` looks into the current folder first. `codeio` does not.
    """
    home = Path(__file__).resolve().parents[1]
    for name in ("stages", "sandbox"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parents[1] != home:
            where = Path(spec.origin).parent if spec is not None and spec.origin else name
            return f"{name}: {where}"
    return ""


if __name__ == "__main__":
    if found := hidden():
        sys.stderr.write(
            f"error: another package hides one of this program's own ({found}); "
            "give the command `codeio`, or go to another folder\n"
        )
        sys.exit(2)
    from engine.commands.main import main

    sys.exit(main(prog="python -m engine"))
