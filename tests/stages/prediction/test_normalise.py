"""The code as a question shows it: what goes, what stays, and that the tree is the same."""

import ast

import pytest

from stages.prediction.normalise import normalised

BODY = "def main_solution(a):\n    return a + 1"
LONG_COMMENTS = (
    "# all class and function definitions in the code file, if any\n\n"
    "# They will be used in the main_solution function: keep them\n"
)

SHOWN = {
    "template comments go": (f"# import necessary packages\n\n# main function\n{BODY}\n", BODY),
    "whatever their case": (f"  # Import Necessary Packages  \n#MAIN FUNCTION\n{BODY}", BODY),
    "and the long ones": (LONG_COMMENTS + BODY, BODY),
    "other comments stay": (
        f"# the main function\n{BODY}  # main function",
        f"# the main function\n{BODY}  # main function",
    ),
    "an unused import goes": (f"import os\n{BODY}", BODY),
    "with its comment": (f"import os  # for paths\n{BODY}", BODY),
    "over several lines": (f"from os import (\n    path,\n    sep,\n)\n{BODY}", BODY),
    "under another name": (f"import numpy as np, os.path as p\n{BODY}", BODY),
    "a used import stays": ("import math\ndef main_solution(a):\n    return math.floor(a)",) * 2,
    "one used of two keeps both": (
        "import math, os\ndef main_solution(a):\n    return math.floor(a)",
    )
    * 2,
    "a dotted import is used by its head": (
        "import os.path\ndef main_solution(a):\n    return os.path.join(a)",
    )
    * 2,
    "the name, not what it stands for, counts": (
        "import math as m\nimport numpy as math\ndef main_solution(a):\n    return m.floor(a)",
        "import math as m\ndef main_solution(a):\n    return m.floor(a)",
    ),
    "a name in a short text is a use": (
        "import math\ndef main_solution(a: 'math.x'):\n    return a",
    )
    * 2,
    "a star import stays": (f"from math import *\n{BODY}",) * 2,
    "a future import stays": (f"from __future__ import annotations\n{BODY}",) * 2,
    "an import inside a function stays": ("def main_solution(a):\n    import os\n    return a",)
    * 2,
    "an import inside a branch stays": (
        f"try:\n    import os\nexcept ImportError:\n    os = None\n{BODY}",
    )
    * 2,
    "the main docstring goes": ('def main_solution(a):\n    """Adds."""\n    return a + 1', BODY),
    "of many lines too": (
        'def main_solution(a):\n    """Adds.\n\n    # main function\n    """\n    return a + 1',
        BODY,
    ),
    "other docstrings stay": (f'"""Module."""\ndef f():\n    """F."""\n    return 1\n{BODY}',) * 2,
    "a docstring that is all there is stays": ('def main_solution(a):\n    """Adds."""',) * 2,
    "trailing spaces go": ("def main_solution(a):  \n    return a + 1\t\n", BODY),
    "many blank lines become two": (f"x = 1\n\n\n\n\n{BODY}", f"x = 1\n\n\n{BODY}"),
    "two blank lines stay": (f"x = 1\n\n\n{BODY}",) * 2,
    "the author's layout stays": ("def main_solution( a ) :\n  return (a+\n    1)",) * 2,
    "what does not parse is shown as it is": ("def main_solution(a:\n    import os  \n",) * 2,
    "a null byte is shown as it is": ("import os\n\0",) * 2,
}


@pytest.mark.parametrize("fact", SHOWN)
def test_of_the_code(fact: str) -> None:
    code, shown = SHOWN[fact]
    assert normalised(code) == shown


def test_text_over_several_lines_is_not_touched() -> None:
    text = 'TEXT = """a  \n# main function\n\n\n\n\nimport re\nb"""\n'
    shown = normalised(f"import os\n{text}{BODY}")
    assert shown == f"{text}{BODY}"


def test_a_formatted_text_over_several_lines_is_not_touched() -> None:
    code = 'def main_solution(a):\n    return f"""{a}  \n# main function\n\n\n\n\nend"""'
    assert normalised(code) == code


@pytest.mark.parametrize(
    "code",
    [
        f"import os; import sys\n{BODY}",
        f"x = 1; import os\n{BODY}",
        f"import os; x = 1\n{BODY}",
        'def main_solution(a):\n    "Adds."; return a + 1\n# main function',
    ],
)
def test_what_shares_its_line_is_not_cut_out(code: str) -> None:
    assert normalised(code) == code


def test_the_docstring_is_that_of_the_named_function() -> None:
    code = (
        "def solve(a):\n"
        '    """Adds."""\n'
        "    return a + 1\n\n\n"
        "def main_solution(a):\n"
        '    """Main."""\n'
        "    return a"
    )
    assert normalised(code, "solve") == code.replace('    """Adds."""\n', "")


MESSY = (
    "# import necessary packages\nimport os, sys\nimport math\nfrom typing import *\n\n\n\n\n"
    'TEXT = """\n'
    "# main function  \n"
    '"""\n'
    "# main function\n"
    "def main_solution(a):  \n"
    '    """Doc.\n'
    '    """\n'
    "    return math.floor(a) # down\n"
)


@pytest.mark.parametrize("code", [MESSY, *(code for code, _ in SHOWN.values())])
def test_tidying_twice_is_tidying_once(code: str) -> None:
    assert normalised(normalised(code)) == normalised(code)


def test_the_tree_is_the_same_but_for_what_was_meant_to_go() -> None:
    shown = normalised(MESSY)
    assert "import os" not in shown
    assert "Doc." not in shown
    tree = ast.parse(MESSY)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.Import) and node.names[0].name == "os")
    ]
    main = tree.body[-1]
    assert isinstance(main, ast.FunctionDef)
    main.body = main.body[1:]
    assert ast.dump(ast.parse(shown)) == ast.dump(tree)
