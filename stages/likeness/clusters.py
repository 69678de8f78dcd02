"""Which programs are alike: by the cluster of their behaviour, and by the MinHash of their text.

Two programs are alike if they are in one behaviour cluster or share a band of the MinHash. The
first finds rewrites that no text would show: names changed, a loop made a recursion, a statement in
other words.

Both tags follow from the program alone. Two runs, shards and machines then give the same tags, and
no run needs to know the programs of another.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rensa import RMinHash

from sandbox import Runner
from stages.likeness.probes import bank
from stages.likeness.probing import outputs_of
from stages.records import Cluster, Program, digest
from stages.values.text import value_of
from stages.values.types import Type, parameters, typed

VERSION = 1
"""Rises whenever the same program could get other tags."""
FEWEST_ANSWERS = 8
"""So many probes must give a value, or there is no cluster."""
FEWEST_UNCOMMON = 4
"""So many probes must give another value than the commonest one, or there is no cluster.

All programs of a type that nearly always give 0 would be in one cluster otherwise.
"""
DIGITS = 6
"""Significant digits of a float that are compared."""
BANDS, ROWS = 16, 8
"""The bands of a MinHash, and the values in each.

At a Jaccard similarity of about 0.7 two texts share a band with a probability of one half.
"""
SHINGLE = 5
"""Tokens in a shingle."""
TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Probing:
    """Runs programs on the probes of their types. Most programs cost one fork."""

    sandbox: Runner

    async def cluster(self, program: Program) -> Cluster:
        """Both tags of a program. Raises: SandboxError, JobRefused."""
        return Cluster(VERSION, await self.behaviour(program), bands(text_of(program)))

    async def behaviour(self, program: Program) -> str | None:
        """The program's behaviour cluster, or None where its probes say too little."""
        arguments = signature_of(program)
        probes = bank(arguments)
        if not probes:
            return None
        return fingerprint(
            [type_ for _, type_ in arguments], await outputs_of(self.sandbox, program, probes)
        )


def signature_of(program: Program) -> tuple[tuple[str, Type], ...]:
    """The arguments of a program and their types, as its recorded inputs show them."""
    inputs = [value_of(pair.input) for pair in program.pairs if "invalid" not in pair.tags]
    return typed(inputs, parameters(program.sections.code, program.entrypoint))


def fingerprint(types: Sequence[Type], outputs: Sequence[str | None]) -> str | None:
    """A digest of the types and of what the probes gave, or None if that says too little.

    types: of the arguments, without their names. outputs: JSON text for each probe, or None for one
    that failed.
    """
    canonical = [None if text is None else _canonical(text) for text in outputs]
    counts = Counter(text for text in canonical if text is not None)
    if not counts or counts.total() < FEWEST_ANSWERS:
        return None
    if counts.total() - counts.most_common(1)[0][1] < FEWEST_UNCOMMON:
        return None
    return digest(
        "behaviour", str(VERSION), json.dumps(types, sort_keys=True), json.dumps(canonical)
    )


def _canonical(text: str) -> str:
    """A value without the differences that a rewrite may have.

    Floats have DIGITS digits, 1.0 is 1, and keys are sorted.
    """
    try:
        return json.dumps(_rounded(json.loads(text)), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        rounded = float(f"{value:.{DIGITS}g}")
        return int(rounded) if rounded.is_integer() else rounded
    return value


def text_of(program: Program) -> str:
    """The text of a program that is compared: its statement, and its code without comments.

    The code is laid out anew, so that spaces and line breaks do not count.
    """
    try:
        code = ast.unparse(ast.parse(program.sections.code))
    except (SyntaxError, ValueError, RecursionError):
        code = program.sections.code
    return f"{program.sections.statement}\n{code}"


def bands(text: str) -> tuple[str, ...]:
    """The bands of a text's MinHash: BANDS texts of 12 hex digits. Case does not count."""
    tokens = TOKEN.findall(text.lower())
    places = range(max(1, len(tokens) - SHINGLE + 1))
    shingles = {" ".join(tokens[place : place + SHINGLE]) for place in places}
    minhash = RMinHash(num_perm=BANDS * ROWS, seed=1)
    minhash.update(sorted(shingles))
    values = [str(value) for value in minhash.digest()]
    return tuple(
        digest("band", str(number), *values[number * ROWS : (number + 1) * ROWS], length=12)
        for number in range(BANDS)
    )


def keys(cluster: Cluster) -> tuple[str, ...]:
    """The keys of a program. Two programs are alike if they have a key in common."""
    behaviour = (f"b{cluster.behaviour}",) if cluster.behaviour else ()
    return (*behaviour, *(f"t{band}" for band in cluster.text))


def grouped(clusters: Iterable[tuple[str, Cluster]]) -> dict[str, str]:
    """The group of each program, named by the lowest id in it.

    Likeness is transitive here: whoever is like one program of a group is in that group. Time and
    memory grow linearly with the number of programs.

    clusters: the id and tags of each program.
    """
    # A union-find structure, over the first program that was seen under each key.
    parent: dict[str, str] = {}
    first: dict[str, str] = {}

    def root(id_: str) -> str:
        while parent[id_] != id_:
            parent[id_] = id_ = parent[parent[id_]]
        return id_

    for id_, cluster in clusters:
        parent.setdefault(id_, id_)
        for key in keys(cluster):
            a, b = root(first.setdefault(key, id_)), root(id_)
            parent[max(a, b)] = min(a, b)
    return {id_: root(id_) for id_ in parent}
