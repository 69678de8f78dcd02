"""What a program is like: the cluster of its behaviour, and bands of the MinHash of its text.

Both follow from the program alone, so that two runs, shards and machines give the same tags and
nothing is dropped while a run goes on. Two programs are alike if they are in one behaviour cluster
or share a band. A rewrite (renamed, a loop made a recursion, told otherwise) behaves alike where no
text would show it.
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
"""Counts up whenever the same program could get other tags."""
FEWEST_ANSWERS = 8
FEWEST_UNCOMMON = 4
"""So many probes must give a value, and so many another than the commonest: less says nothing of a
behaviour."""
DIGITS = 6
BANDS, ROWS = 16, 8
"""Two texts share a band with a probability of one half where their shingles overlap by about
0.7."""
SHINGLE = 5
TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Probing:
    """Runs programs on the probes of their types: one fork each, several only where a probe breaks
    it."""

    sandbox: Runner

    async def cluster(self, program: Program) -> Cluster:
        return Cluster(VERSION, await self.behaviour(program), bands(text_of(program)))

    async def behaviour(self, program: Program) -> str | None:
        arguments = signature_of(program)
        probes = bank(arguments)
        if not probes:
            return None
        return fingerprint(
            [type_ for _, type_ in arguments], await outputs_of(self.sandbox, program, probes)
        )


def signature_of(program: Program) -> tuple[tuple[str, Type], ...]:
    """The arguments of a program and their types, by its recorded inputs."""
    inputs = [value_of(pair.input) for pair in program.pairs if "invalid" not in pair.tags]
    return typed(inputs, parameters(program.sections.code, program.entrypoint))


def fingerprint(types: Sequence[Type], outputs: Sequence[str | None]) -> str | None:
    """The cluster of a behaviour: a digest of the types and of what the probes gave, or None if
    that says too little."""
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
    """Numbers to so many digits, 1.0 as 1, keys sorted: rewrites may differ in these."""
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
    """The text of a program that is compared: its statement, and its code without comments and
    layout."""
    try:
        code = ast.unparse(ast.parse(program.sections.code))
    except (SyntaxError, ValueError, RecursionError):
        code = program.sections.code
    return f"{program.sections.statement}\n{code}"


def bands(text: str) -> tuple[str, ...]:
    """The bands of the MinHash of a text's shingles of SHINGLE tokens, case aside: BANDS texts of
    12 hex digits."""
    tokens = TOKEN.findall(text.lower())
    shingles = {
        " ".join(tokens[place : place + SHINGLE])
        for place in range(max(1, len(tokens) - SHINGLE + 1))
    }
    minhash = RMinHash(num_perm=BANDS * ROWS, seed=1)
    minhash.update(sorted(shingles))
    values = minhash.digest()
    return tuple(
        digest(
            "band", str(number), *map(str, values[number * ROWS : (number + 1) * ROWS]), length=12
        )
        for number in range(BANDS)
    )


def keys(cluster: Cluster) -> tuple[str, ...]:
    """Under what a program is looked up: alike are those that have a key in common."""
    behaviour = (f"b{cluster.behaviour}",) if cluster.behaviour else ()
    return (*behaviour, *(f"t{band}" for band in cluster.text))


def grouped(clusters: Iterable[tuple[str, Cluster]]) -> dict[str, str]:
    """The group of each program, by the lowest id in it. Time and memory grow linearly with the
    programs.

    clusters: id and tags of each.
    """
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
