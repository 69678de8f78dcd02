"""What is read off the runs of a program, and how its inputs are traced."""

from dataclasses import dataclass, field

import pytest

from sandbox import Job, Run
from stages.execution.runs import EVENTS, Outputs, outcome, signature_of_pairs, traced
from stages.records import Pair
from tests.support.runner import FakeRunner

JOB = Job(code="code", entrypoint="f", arguments=("1", "2", "3"), seed=5)
OK = Run(status="ok", value="7", steps=EVENTS, lines=(2, 3))
LONG = Run(status="timeout", error="line events", steps=EVENTS + 1, lines=(2,))


@dataclass
class Tracing(FakeRunner):
    """Gives `runs` where a job is traced, and else a plain value for its input."""

    jobs: list[Job] = field(default_factory=list)

    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        self.jobs.append(job)
        if job.trace is not None:
            return [self.runs[text] for text in job.arguments]
        return [Run(status="ok", value=f"plain {text}") for text in job.arguments]


@pytest.mark.parametrize(
    ("outputs", "different", "commonest", "times", "tag"),
    [
        ("5", 1, "5", 1, "constant"),
        ("555", 1, "5", 3, "constant"),
        ("5655", 2, "5", 3, "skewed"),
        ("5667", 3, "6", 2, "skewed"),
    ],
)
def test_outputs_are_counted_by_their_text(
    outputs: str, different: int, commonest: str, times: int, tag: str
) -> None:
    found = Outputs.of([Pair(input="{}", output=output) for output in outputs])
    assert (found.count, found.different) == (len(outputs), different)
    assert (found.commonest, found.times, found.tag) == (commonest, times, tag)
    assert found.share == times / len(outputs)
    assert found.repeated == (commonest if times > 1 else None)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (OK, "7"),
        (Run(status="error", error="ValueError: a at 0x7f"), "error: ValueError"),
        (Run(status="error", value="7", error="KeyError"), "error: KeyError"),
    ],
)
def test_an_outcome_is_a_value_or_the_kind_of_failure(run: Run, text: str) -> None:
    assert outcome(run) == text


async def test_inputs_within_the_bound_are_run_once() -> None:
    box = Tracing({"1": OK, "2": OK, "3": OK})
    assert await traced(box, JOB) == [OK, OK, OK]
    (job,) = box.jobs
    assert (job.trace and job.trace.events, job.all_or_nothing, job.seed) == (EVENTS, True, 5)


async def test_a_long_input_gets_its_value_without_tracing_and_keeps_its_steps() -> None:
    box = Tracing({"1": OK, "2": LONG, "3": OK})
    plain = Run(status="ok", value="plain 2", steps=EVENTS + 1, lines=(2,))
    assert await traced(box, JOB) == [OK, plain, OK]
    assert [job.arguments for job in box.jobs] == [("1", "2", "3"), ("2",)]


@pytest.mark.parametrize(("even_all", "jobs"), [(False, 1), (True, 2)])
async def test_where_all_inputs_are_long_they_are_run_again_only_if_asked(
    *, even_all: bool, jobs: int
) -> None:
    box = Tracing({"1": LONG, "2": LONG, "3": LONG})
    runs = await traced(box, JOB, even_all=even_all)
    assert ([run.value for run in runs].count(None), len(box.jobs)) == (0 if even_all else 3, jobs)


def test_the_signature_of_pairs_names_each_type_once() -> None:
    pairs = [('{"a": 1}', "[1]"), ('{"a": 2}', "null"), ("5", "[2]")]
    found = signature_of_pairs([Pair(input=given, output=output) for given, output in pairs])
    assert found == "dict{a: int} | int -> list[int] | null"
