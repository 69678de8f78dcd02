"""Runs a program on many small inputs in one fork, where only what comes back matters: probes, guesses."""

import json
from collections.abc import Sequence

from sandbox import Runner, Trace
from stages.gate import CPU_OF_PROGRAM_S, GENERATION
from stages.records import Program, seed_of

EVENTS = 300_000
"""Line events of all inputs together, or of one where that is not enough: a count, so that load changes nothing."""
DRIVER = """

def __driven__(inputs):
    import json as __json__

    def plain(value):
        return value.tolist()

    texts = []
    for text in inputs:
        try:
            texts.append(__json__.dumps({entrypoint}(**__json__.loads(text)), default=plain))
        except Exception:
            texts.append(None)
    return texts
"""


async def outputs_of(sandbox: Runner, program: Program, inputs: Sequence[str]) -> list[str | None]:
    """The JSON text that each input (an object, as JSON text) gives; None where it fails or takes too long.

    One fork; where one of the inputs breaks it, a run of each.
    """
    if not inputs:
        return []
    code, seed = program.sections.code, seed_of(program.id)
    driven = await sandbox.run(code + DRIVER.replace("{entrypoint}", program.entrypoint), "__driven__",
                               json.dumps({"inputs": list(inputs)}), seed=seed, trace=Trace(EVENTS), urgency=GENERATION)  # fmt: skip
    if driven.status == "ok" and driven.value is not None:
        found = json.loads(driven.value)
        if isinstance(found, list) and len(found) == len(inputs):
            return [text if isinstance(text, str) else None for text in found]
    runs = await sandbox.run_many(code, program.entrypoint, inputs, seed=seed, trace=Trace(EVENTS), urgency=GENERATION,
                                  total_cpu_s=CPU_OF_PROGRAM_S)  # fmt: skip
    return [run.value if run.status == "ok" else None for run in runs]
