"""Program -> Program, tagged with its cluster and with the benchmarks that hold it.

Nothing is dropped: what to do with a tagged program is for the user of the data to decide.
"""

from dataclasses import dataclass, field, replace

from sandbox import Runner
from stages.likeness.clusters import Probing
from stages.likeness.contamination import Benchmarks
from stages.records import Program

TAG = "contaminated"


@dataclass(frozen=True, slots=True)
class Likeness:
    """clusters: whether programs are probed. benchmarks: what they are looked up in."""

    sandbox: Runner
    clusters: bool = True
    benchmarks: Benchmarks = field(default_factory=Benchmarks)

    async def tagged(self, program: Program) -> Program:
        """The program with its tags. Raises: SandboxError, JobRefused."""
        if self.clusters and program.cluster is None:
            program = replace(program, cluster=await Probing(self.sandbox).cluster(program))
        found = self.benchmarks.matches(program)
        if not found:
            return program
        tags = program.tags if TAG in program.tags else (*program.tags, TAG)
        return replace(
            program, tags=tags, generation=replace(program.generation, contamination=found)
        )
