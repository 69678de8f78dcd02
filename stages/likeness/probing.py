"""Runs a program on many small inputs in one fork, where only what comes back matters: probes,
guesses."""

import json
from collections.abc import Sequence
from dataclasses import replace

from sandbox import Job, Limits, Run, Runner, Trace
from stages.records import Program, seed_of
from stages.records.urgency import Urgency

EVENTS = 20_000
"""Line events of one input, or of a chunk of them: a count, so that load changes nothing."""
CHUNK = 16
"""Inputs that one call runs, as long as they stay below EVENTS together; otherwise each has a call
of its own."""
LIMITS = Limits(cpu_s=1.0)
"""A program that needs more than this for a chunk, in so few lines, is not probed."""
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
    """The JSON text that each input (an object, as JSON text) gives; None where it fails or takes
    over EVENTS.

    One fork; another for the inputs of chunks that one of them breaks. Where one is out of CPU
    time, all are None.
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
    driven = await sandbox.run_many(driver, urgency=Urgency.GENERATION)
    if any(map(_slow, driven)):
        return [None] * len(inputs)
    found: dict[str, str | None] = {}
    for chunk, run in zip(chunks, driven, strict=True):
        found |= zip(
            chunk, _texts(run, len(chunk)), strict=False
        )  # nothing of a chunk that gave nothing
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
    """Whether a run is out of time, and not of line events."""
    return run.status == "timeout" and (run.steps or 0) <= EVENTS


def _texts(run: Run, count: int) -> list[str | None]:
    """What a call of the driver gave for its inputs, [] where it gave nothing."""
    texts = json.loads(run.value) if run.status == "ok" and run.value is not None else None
    if not isinstance(texts, list) or len(texts) != count:
        return []
    return [text if isinstance(text, str) else None for text in texts]
