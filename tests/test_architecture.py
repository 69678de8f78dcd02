"""What the house promises about itself: one direction of imports, every public name there, no stray
output."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("sandbox", "stages", "engine")
MODULES = [
    path
    for package in ORDER
    for path in (ROOT / package).rglob("*.py")
    if "starter" not in path.parts
]
SANDBOX = [path for path in MODULES if path.relative_to(ROOT).parts[0] == "sandbox"]


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    absolute = (
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level
    )
    return found | {(node.module or "").split(".")[0] for node in absolute}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    above = set(ORDER[ORDER.index(package) + 1 :])
    assert not imports(path) & above


@pytest.mark.parametrize("path", SANDBOX, ids=lambda path: path.name)
def test_the_sandbox_imports_the_standard_library_only(path: Path) -> None:
    import sys

    assert imports(path) - set(sys.stdlib_module_names) - {"sandbox", "numpy"} == set()


@pytest.mark.parametrize(
    "path", [path for path in SANDBOX if path.parts[-2] == "guest"], ids=lambda path: path.name
)
def test_what_runs_in_the_guest_is_standard_library_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
    import sys

    assert imports(path) - set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("package", ORDER)
def test_every_listed_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_one_place_catches_everything() -> None:
    """`except Exception` stands in the actor, in the journal's thread whose callers must not wait
    for ever, and where a guest's package is imported, or its zygote says why it dies."""
    broad = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id == "Exception"
    ]
    assert sorted(set(broad)) == [
        "engine/flow.py",
        "engine/journal.py",
        "sandbox/guest/launcher.py",
        "sandbox/guest/spawned.py",
    ]
