"""Verdicts: predicted outputs are compared, predicted inputs are run; the truth is run where it was
never gated."""

from dataclasses import replace
from typing import Literal

import pytest

from sandbox import Run, Runner, Status
from stages.guest import environment
from stages.prompts.templates import load
from stages.records import (
    Answer,
    Answered,
    Attempted,
    Generation,
    Pair,
    Program,
    Question,
    Turn,
    VerdictName,
    seed_of,
)
from stages.values.equality import Equality
from stages.verification.feedback import Feedback
from stages.verification.stage import Verification, shape_error
from tests.support.records import CHECK, CODE, PAIR, SECTIONS, program, question
from tests.support.runner import GUEST, FakeRunner

FEEDBACK = Feedback(load("feedback"))
PARTS = load("feedback").parts()


def runner(**runs: Run) -> FakeRunner:
    return FakeRunner(dict(runs))


def answered(
    content: str, direction: str = "output", finish: str = "stop", **changes: object
) -> Answered:
    return Answered(
        question(direction, turns=(Turn(answer=Answer(content=content, finish=finish)),), **changes)
    )


async def verdict(
    content: str,
    direction: str = "output",
    box: FakeRunner | None = None,
    *,
    finish: str = "stop",
    equality: Equality = "close",
    **changes: object,
) -> Turn:
    """The turn that verification makes of one answer."""
    sandbox: Runner = box or FakeRunner()
    (judged,) = await Verification(sandbox=sandbox, feedback=FEEDBACK, equality=equality)(
        answered(content, direction, finish, **changes)
    )
    return judged.question.samples[0].last


FLOATING = Pair(input='{"a": 2, "b": 3}', output="5.0", steps=9)


@pytest.mark.parametrize(
    ("said", "equality", "expected", "match"),
    [
        ("5", "strict", "right", "exact"),
        ("5.0", "close", "right", "exact"),
        ("5.0001", "close", "right", "close"),
        ("5.0001", "paper", "right", "close"),
        ("5.0001", "strict", "wrong", None),
        ("4.9999", "close", "right", "close"),
        ("4.9999", "paper", "wrong", None),
        ("6", "close", "wrong", None),
        ("null", "close", "wrong", None),
    ],
)
async def test_a_predicted_output_is_compared_with_the_truth(
    said: str, equality: Equality, expected: VerdictName, match: str | None
) -> None:
    turn = await verdict(f'{{"output": {said}}}', equality=equality, pair=FLOATING)
    assert (turn.verdict, turn.match, turn.predicted, turn.read) == (
        expected,
        match,
        said,
        "strict",
    )


async def test_a_predicted_output_of_a_gated_program_runs_nothing() -> None:
    box = runner()
    await verdict('{"output": 6}', box=box)
    await verdict('{"output": 5}', box=box)
    assert box.asked == []


@pytest.mark.parametrize(
    ("given", "expected", "match"),
    [("5", "right", "exact"), ("5.00001", "right", "close"), ("6", "wrong", None)],
)
async def test_a_predicted_input_is_judged_by_what_it_gives(
    given: str, expected: str, match: str | None
) -> None:
    box = FakeRunner(
        {'{"a": 4, "b": 1}': Run(status="ok", value=given, cpu_s=0.5, near_limit=True)}
    )
    turn = await verdict('{"input": {"a": 4, "b": 1}}', "input", box, pair=FLOATING)
    assert (turn.verdict, turn.match, turn.got) == (expected, match, given)
    assert (turn.predicted, turn.cpu_s, turn.near_limit) == ('{"a": 4, "b": 1}', 0.5, True)


async def test_a_predicted_input_is_run_as_it_was_written_with_the_programs_seed() -> None:
    text = '{"b": 1, "a": 4.50}'
    box = FakeRunner({'{"b": 1, "a": 4.5}': Run(status="ok", value="5")})
    await verdict(f'{{"input": {text}}}', "input", box, program=program(entrypoint="solve"))
    assert box.asked[0] == (CODE, "solve", '{"b": 1, "a": 4.5}', seed_of("beef"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("error", "error"),
        ("timeout", "timeout"),
        ("memory", "memory"),
        ("denied", "denied"),
        ("crash", "crash"),
        ("invalid", "error"),
    ],
)
async def test_a_predicted_input_whose_run_fails_is_judged_by_how_it_failed(
    status: Status, expected: str
) -> None:
    box = FakeRunner({'{"a": 4, "b": 1}': Run(status=status, error="ValueError: no")})
    turn = await verdict('{"input": {"a": 4, "b": 1}}', "input", box)
    assert (turn.verdict, turn.error, turn.got, turn.match) == (
        expected,
        "ValueError: no",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("predicted", "detail"),
    [
        ('{"a": 4}', "missing: b"),
        ("{}", "missing: a, b"),
        ('{"a": 4, "b": 1, "d": 0, "c": 0}', "not an argument: c, d"),
        ('{"a": 4, "B": 1}', "missing: b; not an argument: B"),
        ("[4, 1]", "it is not an object with the arguments by name"),
        ("null", "it is not an object with the arguments by name"),
    ],
)
async def test_a_predicted_input_of_the_wrong_shape_is_an_error_and_is_not_run(
    predicted: str, detail: str
) -> None:
    box = runner()
    turn = await verdict(f'{{"input": {predicted}}}', "input", box)
    assert turn.verdict == "error"
    assert detail in turn.feedback
    assert turn.feedback == PARTS["shape"].replace("{{detail}}", detail)
    assert box.asked == []


def test_an_input_that_is_no_object_has_no_shape_to_miss() -> None:
    assert shape_error("5", "7") == ""
    assert shape_error('{"a": 1}', "[1]") == ""


async def test_a_cut_answer_is_cut_even_where_it_could_be_read() -> None:
    turn = await verdict('{"output": 5} but let me', finish="length")
    assert (turn.verdict, turn.predicted) == ("cut", None)
    assert turn.feedback == PARTS["cut"]


@pytest.mark.parametrize("content", ["It is 5.", "", '{"input": 5}'])
async def test_an_answer_that_cannot_be_read_is_none(content: str) -> None:
    turn = await verdict(content)
    assert (turn.verdict, turn.predicted, turn.read) == ("no_answer", None, None)
    assert turn.feedback == PARTS["no_answer"]


async def test_an_answer_in_the_reasoning_is_none() -> None:
    turns = (Turn(answer=Answer(content="Done.", reasoning='{"output": 5}')),)
    (judged,) = await Verification(sandbox=FakeRunner(), feedback=FEEDBACK)(
        Answered(question(turns=turns))
    )
    assert judged.question.samples[0].last.verdict == "no_answer"


async def test_the_reading_that_is_set_decides_what_is_read() -> None:
    for reading, expected in (("strict", "no_answer"), ("tolerant", "right")):
        stage = Verification(
            sandbox=FakeRunner(),
            feedback=FEEDBACK,
            reading="strict" if reading == "strict" else "tolerant",
        )
        (judged,) = await stage(answered("{'output': 5}"))
        assert judged.question.samples[0].last.verdict == expected


PREDICTED = '{"a": 99, "b": 1}'


async def placed(
    check: Run, domain: Literal["tag", "require"], subject: Program | None = None
) -> tuple[Turn, FakeRunner]:
    """The turn of a predicted input that gives the output, and what was run for it."""
    box = FakeRunner({PREDICTED: Run(status="ok", value="5")}, check)
    stage = Verification(sandbox=box, feedback=FEEDBACK, domain=domain)
    (judged,) = await stage(
        answered(f'{{"input": {PREDICTED}}}', "input", program=subject or program())
    )
    return judged.question.samples[0].last, box


OUTSIDE = [
    Run(status="ok", value="false"),
    Run(status="ok", value="1"),
    Run(status="error", error="TypeError: x"),
    Run(status="timeout", error="CPU"),
]


@pytest.mark.parametrize("check", OUTSIDE, ids=lambda run: f"{run.status}-{run.value}")
async def test_a_right_input_outside_the_domain_is_tagged_and_stays_right(check: Run) -> None:
    turn, box = await placed(check, "tag")
    assert (turn.verdict, turn.match, turn.out_of_domain) == ("right", "exact", True)
    assert turn.feedback == PARTS["right_input"]
    assert box.asked[-1][:3] == (CHECK, "input_check", PREDICTED)


@pytest.mark.parametrize("check", OUTSIDE, ids=lambda run: f"{run.status}-{run.value}")
async def test_a_right_input_outside_a_required_domain_is_wrong(check: Run) -> None:
    turn, _ = await placed(check, "require")
    assert (turn.verdict, turn.match, turn.out_of_domain) == ("wrong", None, True)
    assert turn.feedback == PARTS["out_of_domain"].replace("{{predicted}}", PREDICTED)


@pytest.mark.parametrize("domain", ["tag", "require"])
async def test_a_right_input_inside_the_domain_is_right(domain: Literal["tag", "require"]) -> None:
    turn, _ = await placed(Run(status="ok", value="true"), domain)
    assert (turn.verdict, turn.match, turn.out_of_domain) == ("right", "exact", False)


async def test_without_a_check_there_is_no_domain_to_be_outside_of() -> None:
    unchecked = program(sections=replace(SECTIONS, check=""))
    turn, box = await placed(Run(status="ok", value="false"), "require", unchecked)
    assert (turn.verdict, turn.out_of_domain) == ("right", False)
    assert len(box.asked) == 1


UNGATED = program(gated=False)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Run(status="ok", value="5"), "wrong"),
        (Run(status="ok", value="7"), "invalid_truth"),
        (Run(status="error", error="E: x"), "invalid_truth"),
    ],
)
async def test_a_wrong_answer_about_an_ungated_program_stands_only_if_the_truth_does(
    now: Run, expected: str
) -> None:
    turn = await verdict('{"output": 6}', box=FakeRunner({PAIR.input: now}), program=UNGATED)
    assert turn.verdict == expected


async def test_the_truth_stands_within_the_tolerance() -> None:
    box = FakeRunner({PAIR.input: Run(status="ok", value="5.00001")})
    assert (
        await verdict('{"output": 6}', box=box, pair=FLOATING, program=UNGATED)
    ).verdict == "wrong"


async def test_an_error_of_a_predicted_input_is_not_blamed_where_the_truth_fails_too() -> None:
    box = FakeRunner(
        {
            '{"a": 4, "b": 1}': Run(status="error", error="E: x"),
            PAIR.input: Run(status="error", error="E: x"),
        }
    )
    turn = await verdict('{"input": {"a": 4, "b": 1}}', "input", box, program=UNGATED)
    assert turn.verdict == "invalid_truth"
    assert turn.feedback == PARTS["invalid_truth"]


async def test_a_right_answer_about_an_ungated_program_runs_nothing_more() -> None:
    box = runner()
    turn = await verdict('{"output": 5}', box=box, program=UNGATED)
    assert turn.verdict == "right"
    assert box.asked == []


async def test_the_truth_of_an_output_question_is_never_shown() -> None:
    secret = Pair(input=PAIR.input, output="987654", steps=9)
    for content in ('{"output": 6}', "It is 5.", "{"):
        assert "987654" not in (await verdict(content, pair=secret)).feedback


async def test_feedback_on_a_wrong_output_shows_what_was_predicted() -> None:
    turn = await verdict('{"output": [1, "{{got}}"]}')
    assert turn.feedback == PARTS["wrong_output"].replace("{{predicted}}", '[1, "{{got}}"]')


async def test_feedback_on_a_wrong_input_shows_what_it_gives_and_what_it_should() -> None:
    box = FakeRunner({'{"a": 4, "b": 2}': Run(status="ok", value="6")})
    turn = await verdict('{"input": {"a": 4, "b": 2}}', "input", box)
    for part in ('{"a": 4, "b": 2}', "gives 6", "5 is required"):
        assert part in turn.feedback


async def test_feedback_shows_the_beginning_of_a_long_value() -> None:
    turn = await verdict('{"output": "' + "x" * 2000 + '"}')
    assert "x" * 599 in turn.feedback
    assert "x" * 600 not in turn.feedback


@pytest.mark.parametrize("direction", ["input", "output"])
async def test_feedback_on_a_right_answer_is_a_fixed_sentence(direction: str) -> None:
    box = FakeRunner({PAIR.input: Run(status="ok", value=PAIR.output)})
    turn = await verdict(f'{{"input": {PAIR.input}, "output": {PAIR.output}}}', direction, box)
    assert turn.feedback == PARTS[f"right_{direction}"]


async def test_only_fresh_turns_of_open_samples_are_judged() -> None:
    fresh, old = (
        Turn(answer=Answer(content='{"output": 5}')),
        Turn(answer=Answer(content='{"output": 5}'), verdict="wrong", feedback="As it was."),
    )
    samples = (
        Attempted(number=0, turns=(old, fresh)),
        Attempted(number=1, turns=(old,)),
        Attempted(number=2, turns=(fresh,), closed=True),
        Attempted(number=3, turns=(), closed=True),
    )
    subject: Question = question(samples=samples, wanted=4)
    (judged,) = await Verification(sandbox=FakeRunner(), feedback=FEEDBACK)(Answered(subject))
    first, *others = judged.question.samples
    assert [turn.verdict for turn in first.turns] == ["wrong", "right"]
    assert first.turns[0] == old
    assert tuple(others) == samples[1:]
    assert replace(judged.question, samples=()) == replace(subject, samples=())


@pytest.mark.parametrize(("python", "expected"), [("3.11.7", "wrong"), ("3.12.1", "invalid_truth")])
async def test_the_truth_of_a_program_gated_in_another_guest_is_tried_again(
    python: str, expected: str
) -> None:
    box = FakeRunner({PAIR.input: Run(status="ok", value="7")})
    elsewhere = {**environment(GUEST), "python": python}
    turn = await verdict(
        '{"output": 6}', box=box, program=program(generation=Generation(environment=elsewhere))
    )
    assert turn.verdict == expected
