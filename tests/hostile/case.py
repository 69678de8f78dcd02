"""What a case is: code, whose call may end in these ways and in no other."""

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


@dataclass(frozen=True)
class Case:
    """One snippet. `f` is called with `arguments`, or with the `facts` about the host that the test
    fills in."""

    name: str
    kind: str
    code: str
    told: frozenset[str]
    arguments: str = "{}"
    value: object = None  # what an ok run returns; None: any value
    forbidden: str = ""  # never to be seen in value, stdout or error
    facts: tuple[str, ...] = ()
    needs: str = ""  # a module that the case imports and that may not be installed
    after: str = ""  # run next in the same box: its f() returns "clean"


def case(
    kind: str,
    name: str,
    told: str,
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
    return Case(
        name=name,
        kind=kind,
        code=head + _code(text),
        told=frozenset(told.split()),
        arguments=arguments,
        value=value,
        forbidden=forbidden,
        facts=tuple(facts.split()),
        needs=needs,
        after=_code(after) if after else "",
    )


def _code(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"
