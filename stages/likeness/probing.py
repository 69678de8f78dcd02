"""Runs a program on many small inputs in one fork, for probes and for the guess panel.

Only the outputs matter here: there are no steps, lines or reasons for a failure.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from sandbox import Job, Limits, Run, Runner, Trace
from stages.records import Program, seed_of
from stages.records.urgency import Urgency

EVENTS = 20_000
"""Line events that one call may take. A count does not depend on the load of the machine."""
CHUNK = 16
"""Inputs that one call runs. Where they take more than EVENTS together, each gets its own call."""
LIMITS = Limits(cpu_s=1.0)
"""A program that takes more CPU time than this for fewer than EVENTS lines is not probed."""
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
    """The output of each input as JSON text, or None where it fails or takes too many lines.

    inputs: objects as JSON text. Where one input is out of CPU time, all outputs are None.
    Raises: SandboxError, JobRefused.
    """
    if not inputs:
        return []
    code, seed = program.sections.code, seed_of(program.id)
    chunks = [list(inputs[start : start + CHUNK]) for start in range(0, len(inputs), CHUNK)]
    plain = Job(
        code=code,
        entrypoint=program.entrypoint,
        arguments=(),
        limits=LIMITS,
        seed=seed,
        trace=Trace(EVENTS),
        all_or_nothing=True,
    )
    driver = replace(
        plain,
        code=code + DRIVER.replace("{entrypoint}", program.entrypoint),
        entrypoint="__driven__",
        arguments=tuple(json.dumps({"inputs": chunk}) for chunk in chunks),
    )
    # A call costs more than most programs take for an input, so each call runs a chunk of them.
    driven = await sandbox.run_many(driver, urgency=Urgency.GENERATION)
    # CPU time differs from machine to machine. An output that depends on it would put the same
    # program into different clusters, so such a program has no outputs at all.
    if any(map(_slow, driven)):
        return [None] * len(inputs)
    found: dict[str, str | None] = {}
    for chunk, run in zip(chunks, driven, strict=True):
        # A chunk that gave nothing has no texts. Its inputs are left for a call of their own each.
        found |= zip(chunk, _texts(run, len(chunk)), strict=False)
    alone = [text for text in inputs if text not in found]
    if alone:
        job = replace(plain, arguments=tuple(alone))
        runs = await sandbox.run_many(job, urgency=Urgency.GENERATION)
        if any(map(_slow, runs)):
            return [None] * len(inputs)
        found |= {
            text: run.value if run.status == "ok" else None
            for text, run in zip(alone, runs, strict=True)
        }
    return [found[text] for text in inputs]


def _slow(run: Run) -> bool:
    """Whether a run is out of CPU time or blocked time, and not of line events."""
    return run.status == "timeout" and (run.steps or 0) <= EVENTS


def _texts(run: Run, count: int) -> list[str | None]:
    """The outputs that a call of the driver gave for `count` inputs, or [] where it failed."""
    texts = json.loads(run.value) if run.status == "ok" and run.value is not None else None
    if not isinstance(texts, list) or len(texts) != count:
        return []
    return [text if isinstance(text, str) else None for text in texts]
