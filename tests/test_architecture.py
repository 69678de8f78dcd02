"""What the house promises about itself: directions of imports, public names, sizes, form."""

import ast
import importlib
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("sandbox", "stages", "engine")
MODULES = [
    path
    for package in ORDER
    for path in sorted((ROOT / package).rglob("*.py"))
    if "starter" not in path.parts
]
SANDBOX = [path for path in MODULES if path.relative_to(ROOT).parts[0] == "sandbox"]
GUEST = [path for path in SANDBOX if "guest" in path.parts]
OURS = [
    *MODULES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "examples").glob("*.py")),
]
MOST_CLASS_LINES = 220
MOST_PLACES = 5
MOST_SKIPS = 25
WIDTH = 100


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    tree = tree_of(path)
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


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    above = set(ORDER[ORDER.index(package) + 1 :])
    assert not imports(path) & above


@pytest.mark.parametrize("path", SANDBOX, ids=named)
def test_the_sandbox_imports_the_standard_library_only(path: Path) -> None:
    assert imports(path) - set(sys.stdlib_module_names) - {"sandbox", "numpy"} == set()


@pytest.mark.parametrize("path", GUEST, ids=named)
def test_what_runs_in_the_guest_is_standard_library_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
    assert imports(path) - set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("package", ORDER)
def test_no_modules_of_a_package_import_each_other_in_a_circle(package: str) -> None:
    graph = grimp.build_graph(package, exclude_type_checking_imports=True)
    left = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while free := [module for module, above in left.items() if not above & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("package", ["engine", "sandbox"])
def test_the_public_names_are_there_and_no_others_are_needed_to_use_them(package: str) -> None:
    """Each listed name exists, and each class of ours in a public signature is listed."""
    module = importlib.import_module(package)
    for name in module.__all__:
        assert hasattr(module, name), name
    listed = set(module.__all__)
    assert {name for name in dir(module) if is_ours(module, name)} <= listed
    assert needed_by(package, listed) - listed == set()


def is_ours(module: object, name: str) -> bool:
    """Whether a name of a package is something it offers, and no module or helper of its making."""
    value = getattr(module, name)
    home = getattr(value, "__module__", None) or ""
    return not name.startswith("_") and home.split(".")[0] in ORDER and isinstance(value, type)


def needed_by(package: str, listed: set[str]) -> set[str]:
    """Classes of ours that the public methods of listed classes take or give, by name."""
    ours = {
        node.name: path
        for path in MODULES
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and path.relative_to(ROOT).parts[0] == package
    }
    found: set[str] = set()
    for name in listed & ours.keys():
        (class_,) = (
            node
            for node in tree_of(ours[name]).body
            if isinstance(node, ast.ClassDef) and node.name == name
        )
        for method in class_.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and (
                method.name == "__init__" or not method.name.startswith("_")
            ):
                internal = method.name == "opened"  # for those who look deeper, and says so
                found |= set() if internal else words_of(method) & ours.keys()
    return found


def words_of(method: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """All words in the annotations of a method."""
    arguments = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
    notes = [argument.annotation for argument in arguments if argument.annotation]
    notes += [method.returns] if method.returns else []
    return {word for note in notes for word in re.findall(r"\w+", ast.unparse(note))}


def test_one_place_catches_everything() -> None:
    """`except Exception` stands in the actor, in the journal's thread whose callers must not wait
    for ever, and where a guest's package is imported, or its zygote says why it dies."""
    broad = [
        named(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id == "Exception"
    ]
    assert sorted(set(broad)) == [
        "engine/flow/failures.py",
        "engine/journal/writer.py",
        "sandbox/guest/launcher.py",
        "sandbox/guest/spawned.py",
    ]


def test_no_class_is_longer_than_can_be_kept_in_mind() -> None:
    long = [
        f"{named(path)}: {node.name}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_CLASS_LINES
    ]
    assert long == []


def test_no_call_of_ours_passes_many_arguments_by_place() -> None:
    """Neighbours of one type can be swapped without a word from the type checker."""
    ours = {
        node.name
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    many = [
        f"{named(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and len(node.args) > MOST_PLACES and called(node) in ours
    ]
    assert many == []


def called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))


def test_the_formatter_is_overruled_for_tables_only() -> None:
    skips = [named(path) for path in OURS for comment in comments(path) if "fmt: skip" in comment]
    assert len(skips) <= MOST_SKIPS, skips


def comments(path: Path) -> Iterator[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return (token.string for token in tokens if token.type == tokenize.COMMENT)


def test_no_line_is_wider_than_the_page() -> None:
    wide = [
        f"{named(path)}:{number}"
        for path in OURS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > WIDTH
    ]
    assert wide == []
