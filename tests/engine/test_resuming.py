"""Going on with an earlier run: forks, replays without a call, rejects opened again, a smaller
journal."""

import asyncio
import json
import re
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import BadInput, Engine, Snapshot
from engine.journal.journal import Journal
from engine.journal.opening import compact
from engine.resuming import ResumeOptions, outlook
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import finished, rows, samples, settings, write_rows
from tests.support.server import Reply, said, serving

FILES = 4


def model(body: dict[str, Any]) -> Reply:
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        return said(reply_of(replace(SECTIONS, statement="What is `a` after `b` steps?")))
    return said('{"output": 5}' if '{"output"' in text else '{"input": {"a": 1, "b": 1}}')


def run_of(base: Path, url: str, **sections: Any) -> Any:
    if not (base / "code.jsonl").exists():
        write_rows(
            base / "code.jsonl", *[{"content": f"def real_{n}(): ..."} for n in range(FILES)]
        )
    return settings(
        base,
        **{
            "models": {"main": {"base_url": url, "model": "m"}},
            "source": {"path": "code.jsonl"},
            "prediction": {"pairs": 1},
            **sections,
        },
    )


async def again(config: Any, how: ResumeOptions) -> Snapshot:
    async with Engine(config, options=how) as engine:
        await engine.run()
        assert engine.finished or how.replay_only
        return engine.statistics()


async def test_a_fork_with_another_verifier_buys_nothing(tmp_path: Path) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        bought = len(script.asked)
        changed = run_of(
            tmp_path, script.url, verification={"equality": "strict"}, output={"dir": "new"}
        )
        await again(changed, ResumeOptions(fork_of=tmp_path / "out"))
        assert len(script.asked) == bought
        assert samples(tmp_path / "new").keys() == samples(tmp_path / "out").keys()
        await finished(changed)  # going on needs no option that names the fork
    assert len(script.asked) == bought


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "no setting is changed; needs at least 0 calls, about 0"),
        (
            {"verification": {"equality": "strict"}},
            r"verification\.equality; needs at least 0 calls, about \d+",
        ),
        (
            {"inference": {"temperature": 0.1}},
            r"inference\.temperature.*; needs at least 8 calls, about 1\d",
        ),
        (
            {"models": {"main": {"model": "other"}}},
            r"models\.main\.model; needs at least 4 calls, about \d\d",
        ),
    ],
)
async def test_a_fork_says_what_it_will_ask(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        if "models" in changes:
            changes = {"models": {"main": {"base_url": script.url, "model": "other"}}}
        config = run_of(tmp_path, script.url, output={"dir": "new"}, **changes)
        async with Engine(config, options=ResumeOptions(fork_of=tmp_path / "out")) as engine:
            said_of_it = await outlook(config, engine.opened.journal)
    assert re.search(expected, said_of_it), said_of_it


async def test_a_fork_whose_origin_is_gone_says_so(tmp_path: Path) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        changed = run_of(tmp_path, script.url, output={"dir": "new"})
        await again(changed, ResumeOptions(fork_of=tmp_path / "out"))
        (tmp_path / "out").rename(tmp_path / "elsewhere")
        with pytest.raises(BadInput, match="there is no journal to take results from"):
            await finished(changed)


async def test_settings_that_shape_rows_are_refused_with_the_way_to_have_them(
    tmp_path: Path,
) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        with pytest.raises(BadInput, match=r"verification\.equality.*--fork NEWDIR"):
            await finished(run_of(tmp_path, script.url, verification={"equality": "strict"}))


async def test_a_replay_makes_no_call_and_counts_what_it_would_need(tmp_path: Path) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url, limits={"max_files": 2}))
        bought = len(script.asked)
        grown = run_of(tmp_path, script.url)
        replayed = await again(grown, ResumeOptions(replay_only=True))
        assert replayed.withheld == FILES - 2
        assert len(script.asked) == bought
        assert (await finished(grown))["source"]["finished"] == FILES
    assert len(samples(tmp_path / "out")) == 2 * FILES  # what was withheld was not marked as done


async def test_a_whole_replay_needs_nothing(tmp_path: Path) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        changed = run_of(
            tmp_path, script.url, output={"dir": "new"}, verification={"equality": "strict"}
        )
        replayed = await again(changed, ResumeOptions(fork_of=tmp_path / "out", replay_only=True))
    assert replayed.withheld == 0
    assert len(samples(tmp_path / "new")) == len(samples(tmp_path / "out"))


async def test_rejects_are_opened_again_by_their_reason(tmp_path: Path) -> None:
    mended = False

    def server(body: dict[str, Any]) -> Reply:
        text = body["messages"][0]["content"]
        if "real_1" in text and not mended:
            return said("I cannot help with that.", finish="content_filter")
        return model(body)

    async with serving(server) as script:
        config = run_of(tmp_path, script.url)
        report = await finished(config)
        (reject,) = rows(tmp_path / "out" / "rejects.jsonl")
        reason = reject["reason"]
        assert report["source"]["rejected"] == {reason: 1}
        await again(config, ResumeOptions(retry=reason))
        first, second = rows(tmp_path / "out" / "rejects.jsonl")
        assert (first["attempt"] + 1, first["id"]) == (second["attempt"], second["id"])
        mended = True
        await again(config, ResumeOptions(retry=reason))
        report = await finished(config)
    asked = Counter(json.dumps(body) for body in script.asked)
    assert [(count, "real_1" in body) for body, count in asked.most_common(2)] == [
        (3, True),
        (1, False),
    ]
    assert report["source"] == {"read": FILES, "finished": FILES, "rejected": {}, "live": 0}
    assert report["rejects"].get("program", {}).get(reason, 0) == 0


async def test_a_reason_that_no_reject_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    async with serving(model) as script:
        config = run_of(tmp_path, script.url)
        await finished(config)
        with pytest.raises(BadInput, match="no such rejects; their reasons are: none"):
            await again(config, ResumeOptions(retry="module"))


def command(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_commands_way_to_fork_replay_and_compact(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    assert command("init", "demo", cwd=tmp_path).returncode == 0
    small = ("demo/run.toml", "--set", "limits.max_files=2")
    assert command(*small, cwd=tmp_path).returncode == 0
    grown = command("demo/run.toml", "--set", "limits.max_files=3", "--replay-only", cwd=tmp_path)
    assert (grown.returncode, "model calls would be needed" in grown.stderr) == (2, True)
    forked = command(
        *small, "--set", "verification.equality=strict", "--fork", "demo/strict", cwd=tmp_path
    )
    assert forked.returncode == 0, forked.stderr
    assert "changed: verification.equality; needs at least 0 calls, about" in forked.stderr
    assert len(rows(tmp_path / "demo" / "strict" / "samples.jsonl")) == len(
        rows(tmp_path / "demo" / "out" / "samples.jsonl")
    )
    assert json.loads((tmp_path / "demo" / "strict" / "report.json").read_text())["this_process"][
        "effects_replayed"
    ]
    compacted = command("compact", "demo/out", cwd=tmp_path)
    assert (compacted.returncode, " bytes, now " in compacted.stdout) == (0, True)
    assert command(*small, cwd=tmp_path).returncode == 0
    assert command("compact", "code", cwd=tmp_path).returncode == 2
    assert (
        "no run to take results from"
        in command(*small, "--set", "output.dir=no", "--fork", "x", cwd=tmp_path).stderr
    )


def test_more_connections_than_the_system_allows_files_are_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "code.jsonl", {"content": "x"})
    model = '[models.main]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nconcurrency = 4000\n'
    (tmp_path / "run.toml").write_text(f'[source]\npath = "code.jsonl"\n{model}')
    out = subprocess.run(
        [sys.executable, "-m", "engine", "run.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024)),
    )
    assert out.returncode == 2
    assert "need 4256 open files, and this system allows 1024" in out.stderr
    assert not (tmp_path / "out").exists()


async def test_more_samples_buy_only_what_is_new(tmp_path: Path) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        bought, before = len(script.asked), samples(tmp_path / "out")
        report = await finished(run_of(tmp_path, script.url, prediction={"pairs": 1, "samples": 3}))
    seeds = Counter(body.get("seed") for body in script.asked[bought:])
    assert seeds == {1: 2 * FILES, 2: 2 * FILES}
    after = samples(tmp_path / "out")
    assert {id_: after[id_] for id_ in before} == before
    assert len(after) == 3 * len(before)
    lines = rows(tmp_path / "out" / "questions.jsonl")
    assert [line["asked"] for line in lines] == [1] * 2 * FILES + [3] * 2 * FILES
    assert report["kinds"]["question"] == {
        "read": 2 * FILES,
        "finished": 2 * FILES,
        "rejected": 0,
        "live": 0,
    }


async def test_compact_drops_what_only_finished_rows_asked_for(tmp_path: Path) -> None:
    declined = 'the one that is "refused"'

    def server(body: dict[str, Any]) -> Reply:
        refused = "real_0" in body["messages"][0]["content"]
        return said(None, refusal=declined) if refused else model(body)

    async with serving(server) as script:
        await finished(run_of(tmp_path, script.url, limits={"max_files": 2}))
        bought = len(script.asked)
        out = command("compact", "out", cwd=tmp_path)
        found = re.search(r"; (\d+) results were dropped", out.stdout)
        assert found is not None
        assert int(found[1]) > 5
        with sqlite3.connect(tmp_path / "out" / "journal.sqlite") as journal:
            left = journal.execute("SELECT count(*) FROM effects").fetchone()[0]
        journal.close()
        assert left == 1  # the refusal, which a retry of rejects may ask for
        await finished(run_of(tmp_path, script.url, limits={"max_files": 2}))
        assert len(script.asked) == bought
        assert (await finished(run_of(tmp_path, script.url)))["source"]["read"] == FILES


async def test_a_result_that_two_rows_need_outlives_the_first(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.record(b"shared", b"1", source="a")
        await journal.record(b"own", b"2", source="a")
        assert await journal.effect(b"shared", "b") == b"1"
        assert await journal.effect(b"own", "a") == b"2"
        await journal.mark("a", "")
    assert await asyncio.to_thread(compact, tmp_path, ()) == 1
    async with Journal(tmp_path) as journal:
        assert await journal.effect(b"shared") == b"1"
        assert await journal.effect(b"own") is None


async def test_an_extension_of_a_compacted_folder_says_what_it_costs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(model) as script:
        await finished(run_of(tmp_path, script.url))
        assert command("compact", "out", cwd=tmp_path).returncode == 0
        await finished(run_of(tmp_path, script.url, prediction={"pairs": 2}))
    assert "results of finished rows were dropped (compact, 20" in caplog.text
    assert "prediction.pairs asks for them again" in caplog.text


async def test_the_count_by_kind_is_the_whole_folders(tmp_path: Path) -> None:
    async with serving(model) as script:
        first = await finished(run_of(tmp_path, script.url, limits={"max_files": 1}))
        both = await finished(run_of(tmp_path, script.url, limits={"max_files": 3}))
        same = await finished(run_of(tmp_path, script.url, limits={"max_files": 3}))
    assert first["kinds"]["question"] == {"read": 2, "finished": 2, "rejected": 0, "live": 0}
    assert both["kinds"] == same["kinds"]
    assert both["kinds"]["file"] == {"read": 3, "finished": 3, "rejected": 0, "live": 0}
    assert both["kinds"]["program"]["read"] == 3
