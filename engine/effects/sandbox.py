"""A sandbox whose runs are recorded, so that the same job is run once."""

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import orjson

from engine.effects.effects import Effects, FreshResult, key_of
from sandbox import Drawing, Draws, Guest, Job, Limits, Run, Runner, Sandbox

FIRST_FIELDS = frozenset(
    {
        "code",
        "entrypoint",
        "arguments",
        "limits",
        "seed",
        "hash_seed",
        "clock",
        "trace",
        "salt",
        "total_cpu_s",
        "all_or_nothing",
    }
)
"""The fields of a job that were there when its key was first made. They are always part of it."""


@dataclass(frozen=True, slots=True)
class JournalledSandbox(Runner):
    """The sandbox of a run. Results are looked up before a job is run, and recorded after it."""

    sandbox: Sandbox
    effects: Effects

    @property
    def guest(self) -> Guest:
        return self.sandbox.guest

    @property
    def isolation(self) -> str:
        return self.sandbox.isolation

    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        """The runs of a job, one for each of its arguments. Raises: SandboxError, MachineFailed."""

        async def make() -> FreshResult:
            runs = await self.sandbox.run_many(job, urgency=urgency)
            return FreshResult(orjson.dumps([asdict(run) for run in runs]))

        key = key_of({**job_identity(job), **self._where(job.limits)})
        return [_run(row) for row in orjson.loads(await self.effects.of(key, make))]

    async def draw(self, drawing: Drawing, *, urgency: int = 0) -> Draws:
        """The values of a drawing. Raises: SandboxError, MachineFailed."""

        async def make() -> FreshResult:
            draws = await self.sandbox.draw(drawing, urgency=urgency)
            return FreshResult(orjson.dumps(asdict(draws)))

        key = key_of({**drawing_identity(drawing), **self._where(drawing.limits)})
        found = orjson.loads(await self.effects.of(key, make))
        texts = {name: tuple(found[name]) for name in ("values", "errors", "refused")}
        return Draws(**{**found, **texts, "run": _run(found["run"])})

    def _where(self, limits: Limits | None) -> dict[str, Any]:
        """The limits in force, and what runs the job."""
        return {
            "limits": asdict(limits or self.sandbox.limits),
            "guest": self.guest.fingerprint(),
            "harness": self.sandbox.version,
        }


def job_identity(job: Job) -> dict[str, Any]:
    """All of a job but its limits, in the form that its key has had since the first release.

    A field that was added later is part of the key where it differs from its default. So a new
    field changes no key of a folder that exists. A field that is forgotten here is part of the key
    nevertheless.
    """
    rest = asdict(job)
    del rest["limits"]
    call = [rest.pop("code"), rest.pop("entrypoint"), list(rest.pop("arguments"))]
    seeds = [rest.pop("seed"), rest.pop("hash_seed")]
    total_cpu_s = str(rest.pop("total_cpu_s"))
    for field in fields(Job):
        later = field.name not in FIRST_FIELDS and field.default is not MISSING
        if later and getattr(job, field.name) == field.default:
            del rest[field.name]
    return {"run": call, "seeds": seeds, "total_cpu_s": total_cpu_s, **rest}


def drawing_identity(drawing: Drawing) -> dict[str, Any]:
    """All of a drawing but its limits, in the form that its key has had since the beginning."""
    names = ("code", "entrypoint", "calls", "distinct", "seed", "value_bytes", "cpu_s")
    rest = asdict(drawing)
    del rest["limits"]
    return {"draw": [rest.pop(name) for name in names], **rest}


def _run(row: dict[str, Any]) -> Run:
    changes = tuple((int(line), str(name), str(text)) for line, name, text in row["changes"])
    texts = {name: tuple(row[name]) for name in ("coerced", "lines", "salted")}
    return Run(**{**row, **texts, "changes": changes})
