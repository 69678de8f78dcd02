"""What a case is: code, and the ways in which a call of it may end."""

import textwrap
from dataclasses import dataclass

STATUSES = frozenset({"ok", "error", "timeout", "memory", "denied", "crash", "invalid"})
HOSTILE = (
    "time",
    "memory",
    "disk",
    "output",
    "process",
    "exit",
    "tamper",
    "secrets",
    "network",
    "kernel",
)
KINDS = (*HOSTILE, "benign")

TELLTALE = "ESCAPED"
MARKER = "hostile-left"  # in the name of every file a case tries to leave outside its folder
SHOUT = "HOSTILE-SHOUT"  # in everything a case tries to bring to a real descriptor
SECRET = "hx-secret-"  # how the test process's secret begins


@dataclass(frozen=True, kw_only=True)
class Case:
    """One snippet, whose run ends with one of the statuses in `allowed`.

    `f` is called with `arguments`, or with the `facts` about the host that the test fills in.
    """

    name: str
    kind: str
    code: str
    allowed: frozenset[str]
    arguments: str = "{}"
    value: object = None  # what an ok run returns. None: any value
    forbidden: str = ""  # never to be seen in value, stdout or error
    facts: tuple[str, ...] = ()
    needs: str = ""  # a module that the case imports and that may not be installed
    after: str = ""  # run next in the same box: its f() returns "clean"


def case(
    kind: str,
    name: str,
    allowed: str,
    text: str,
    *,
    head: str = "",
    arguments: str = "{}",
    value: object = None,
    facts: str = "",
    needs: str = "",
    after: str = "",
    forbidden: str = TELLTALE,
) -> Case:
    """A case from its text, which is dedented. allowed, facts: words, with spaces between them."""
    return Case(
        name=name,
        kind=kind,
        code=head + _code(text),
        allowed=frozenset(allowed.split()),
        arguments=arguments,
        value=value,
        forbidden=forbidden,
        facts=tuple(facts.split()),
        needs=needs,
        after=_code(after) if after else "",
    )


def _code(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"
