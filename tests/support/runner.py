"""A sandbox that runs nothing: it gives the runs that were set, and keeps what was asked."""

from dataclasses import dataclass, field

from sandbox import Drawing, Draws, Guest, Job, Run, Runner

GUEST = Guest(
    python="/usr/bin/python3",
    version="3.11.7",
    implementation="CPython",
    platform="linux-x86_64",
    path=(),
    packages=(),
)


@dataclass
class FakeRunner(Runner):
    """Gives the run that was set for an input.

    One without is what `others` says, or else a failed test.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    check: Run = field(default_factory=lambda: Run(status="ok", value="true"))
    others: Run | None = None
    there: Guest = GUEST
    asked: list[tuple[str, str, str, int]] = field(default_factory=list)

    @property
    def guest(self) -> Guest:
        return self.there

    @property
    def isolation(self) -> str:
        return "none"

    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        return [self._run(job, text) for text in job.arguments]

    async def draw(self, drawing: Drawing, *, urgency: int = 0) -> Draws:
        raise AssertionError("nothing is drawn here")

    def _run(self, job: Job, text: str) -> Run:
        self.asked.append((job.code, job.entrypoint, text, job.seed))
        if job.entrypoint == "input_check":
            return self.check
        return self.runs[text] if self.others is None else self.runs.get(text, self.others)
