"""Whole runs against faulty servers: the rows are those of an undisturbed run, and the run ends."""

import email.utils
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from engine import Config, Engine
from engine.resuming import ResumeOptions
from stages.inference.environment import Environment
from tests.support.clock import FakeClock
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import rows, samples, settings, write_rows
from tests.support.server import Reply, said, serving

FILES = 8
GOOD = said("x")
KINDS: dict[str, Callable[[Reply], Reply]] = {
    "429": lambda _: Reply({"error": {"message": "slow down"}}, 429),
    "429 for a while": lambda _: Reply({"error": {}}, 429, {"Retry-After": "3"}),
    "500": lambda _: Reply({"error": {"message": "boom"}}, 500),
    "503": lambda _: Reply("", 503),
    "hang": lambda _: Reply(hang=True),
    "reset": lambda _: Reply(reset=True),
    "truncated": lambda good: replace(good, truncated=True),
    "html": lambda _: Reply("<html>502 Bad Gateway</html>", 502),
    "html with status 200": lambda _: Reply("<html>welcome</html>"),
    "empty": lambda _: Reply({"choices": []}),
    "null": lambda _: said(None),
    "garbage": lambda _: Reply('{"choices": [{"mess'),
    "error with status 200": lambda _: Reply(
        {"error": {"message": "upstream failed", "code": 502}}
    ),
    "drip": lambda good: replace(good, drip=True),
    "no usage": lambda good: replace(good, body={**good.body, "usage": None}),
}

USUAL = ("429 for a while", "hang", "truncated", "no usage")
"""Kinds that are tried alone each time; the others are among all of them, and alone with `slow`."""


def model(body: dict[str, Any]) -> Reply:
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        return said("DECLINED: trivial no" if "real_3" in text else reply_of(SECTIONS))
    chance = random.Random(json.dumps(body["messages"]))
    return said(
        f'{{"output": {chance.randint(3, 8)}}}'
        if '{"output"' in text
        else '{"input": {"a": 1, "b": 1}}'
    )


@dataclass
class Faulty:
    """A model whose server fails: a share of its replies is of these kinds."""

    kinds: list[str]
    share: float = 0.4
    seen: Counter[str] = field(default_factory=Counter)

    def reply(self, body: dict[str, Any]) -> Reply:
        text = json.dumps(body)
        chance = random.Random(f"{text} {self.seen[text]}")
        self.seen[text] += 1
        good = model(body)
        return (
            KINDS[chance.choice(self.kinds)](good)
            if self.kinds and chance.random() < self.share
            else good
        )


def run_of(base: Path, url: str | list[str], out: str, **options: Any) -> Config:
    write_rows(base / "rows.jsonl", *[{"content": f"def real_{n}(): ..."} for n in range(FILES)])
    main = {"base_url": url, "model": "m", "timeout_s": 0.4, "concurrency": 8, **options}
    return settings(
        base,
        models={"main": main},
        source={"path": "rows.jsonl"},
        prediction={"pairs": 1},
        output={"dir": out},
    )


def comparable(folder: Path) -> dict[str, Any]:
    """The rows of a folder without what is measured or counted by servers."""
    found = samples(folder)
    for row in found.values():
        del row["meta"]["usage"]
        for turn in row["meta"]["turns"]:
            del turn["cpu_s"], turn["usage"]
    rejects = {(row["id"], row["reason"]) for row in rows(folder / "rejects.jsonl")}
    return {"samples": found, "rejects": rejects}


async def ended(config: Config, environment: Environment | None = None) -> None:
    async with Engine(config, environment=environment or FakeClock().environment()) as engine:
        await engine.run()
        assert engine.finished


@pytest.mark.parametrize(
    "kind",
    [
        "all of them",
        *(kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS),
    ],
)
async def test_the_rows_are_those_of_an_undisturbed_run(tmp_path: Path, kind: str) -> None:
    server = Faulty([*KINDS] if kind == "all of them" else [kind])
    async with serving(model) as sound, serving(server.reply) as bad:
        await ended(run_of(tmp_path, sound.url, "undisturbed"))
        await ended(run_of(tmp_path, bad.url, "bad"))
    assert comparable(tmp_path / "bad") == comparable(tmp_path / "undisturbed")
    assert sum(server.seen.values()) > len(server.seen) or kind in ("drip", "no usage")


async def test_a_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    clock, chance = FakeClock(), random.Random(0)
    environment = replace(
        clock.environment(), wall=lambda: chance.choice((0.0, 1e6, 4e9)) + clock.now
    )
    server = Faulty(["429"])

    def reply(body: dict[str, Any]) -> Reply:
        found, soon = (
            server.reply(body),
            {"Retry-After": email.utils.formatdate(time.time() + 9, usegmt=True)},
        )
        return replace(found, headers=soon) if found.status == 429 else found

    async with serving(model) as sound, serving(reply) as bad:
        await ended(run_of(tmp_path, sound.url, "undisturbed"))
        await ended(run_of(tmp_path, bad.url, "bad"), environment)
    assert comparable(tmp_path / "bad") == comparable(tmp_path / "undisturbed")


async def test_dead_addresses_among_several_cost_no_row(tmp_path: Path) -> None:
    async with (
        serving(model) as one,
        serving(Faulty(["500"], 1.0).reply) as ill,
        serving(model) as two,
    ):
        await ended(run_of(tmp_path, one.url, "undisturbed"))
        urls = [one.url, "http://127.0.0.1:9/v1", ill.url, two.url]
        await ended(run_of(tmp_path, urls, "bad"))
        served = len(one.asked) + len(two.asked)
        assert len(ill.asked) < served, "one that only fails is soon left alone"
    assert comparable(tmp_path / "bad") == comparable(tmp_path / "undisturbed")


async def test_a_request_that_always_fails_is_asked_at_the_end_and_then_rejected_and_retried(
    tmp_path: Path,
) -> None:
    mended = False

    def failing(body: dict[str, Any]) -> Reply:
        text = body["messages"][0]["content"]
        failed = "Problem Statement" in text and "real_0" in text
        return Reply({"error": {"message": "boom"}}, 500) if failed and not mended else model(body)

    async with serving(failing) as script:
        config = run_of(tmp_path, script.url, "out", attempts=3)
        await ended(config)
        (reject,) = [
            row for row in rows(tmp_path / "out" / "rejects.jsonl") if row["reason"] != "declined"
        ]
        assert (reject["reason"], reject["kind"]) == ("gave_up", "file")
        asked = [json.dumps(body) for body in script.asked]
        failed = next(text for text in asked if "real_0" in text and "Problem Statement" in text)
        assert asked.count(failed) >= 2 * 3  # its attempts, and those of the end
        assert asked[-3:] == [failed] * 3
        mended = True
        async with Engine(
            config, options=ResumeOptions(retry="gave_up"), environment=FakeClock().environment()
        ) as engine:
            await engine.run()
        await ended(run_of(tmp_path, script.url, "undisturbed"))
    assert (
        comparable(tmp_path / "out")["samples"] == comparable(tmp_path / "undisturbed")["samples"]
    )


async def test_one_sample_that_always_fails_leaves_the_others_of_its_question_alone(
    tmp_path: Path,
) -> None:
    def failing(body: dict[str, Any]) -> Reply:
        return Reply({"error": {}}, 500) if body.get("seed") == 1 else model(body)

    async with serving(failing) as script:
        config = run_of(tmp_path, script.url, "out", attempts=2)
        prediction = config.prediction.model_copy(update={"samples": 3})
        await ended(config.model_copy(update={"prediction": prediction}))
    assert {row["meta"]["sample"] for row in samples(tmp_path / "out").values()} == {0, 2}
    rejects = [
        row for row in rows(tmp_path / "out" / "rejects.jsonl") if row["reason"] == "gave_up"
    ]
    assert {row["kind"] for row in rejects} == {"sample"}
    assert len(rejects) == 2 * (FILES - 1)
    assert {line["answered"] for line in rows(tmp_path / "out" / "questions.jsonl")} == {2}
    assert (
        max(
            Counter(
                json.dumps(body) for body in script.asked if body.get("seed") in (0, 2)
            ).values()
        )
        == 1
    )
