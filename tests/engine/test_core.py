"""The library: stream, submit, early ends, bad rows, resuming."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine import BadInput, Engine, OutOfService, Stopped
from engine.errors import Full
from stages.inference.client import BACKOFF_S
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import finished, rows, samples, settings, starter_files, write_rows
from tests.support.server import Reply, said, serving

FEW = {"pairs": 1}


def answered(body: dict[str, Any]) -> Reply:
    """Answers like a model that knows one program, and says 5 to every question."""
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        return (
            said(reply_of(SECTIONS))
            if "def real" in text
            else said("DECLINED: trivial nothing here")
        )
    return said('{"output": 5}' if '{"output"' in text else '{"input": {"a": 1, "b": 1}}')


def served(base: Path, url: str, **sections: Any) -> Any:
    models = {"main": {"base_url": url, "model": "m", **sections.pop("model", {})}}
    return settings(base, **{"models": models, "prediction": FEW, **sections})


async def test_stream_gives_each_sample_as_it_becomes_final(tmp_path: Path) -> None:
    config = settings(tmp_path, output={"dir": ""}, prediction=FEW)
    async with Engine(config) as engine:
        found = [
            sample
            async for sample in engine.stream(
                [Path(path) for path in starter_files("rle_rows", "snake_grid")]
            )
        ]
    assert len(found) == 4
    assert {row["meta"]["direction"] for row in found} == {"input", "output"}
    assert not list(tmp_path.iterdir())


async def test_submit_gives_all_samples_of_one_file(tmp_path: Path) -> None:
    text = Path(starter_files("rle_rows")[0]).read_text()
    async with Engine(settings(tmp_path, output={"dir": ""}, prediction=FEW)) as engine:
        by_text, by_row = await asyncio.gather(
            engine.submit(text), engine.submit({"content": text, "path": "x.py"})
        )
    assert len(by_text) == len(by_row) == 2
    assert {row["meta"]["source"]["path"] for row in by_row} == {"x.py"}


async def test_a_stream_that_is_closed_early_leaves_nothing_running(tmp_path: Path) -> None:
    async with Engine(settings(tmp_path, output={"dir": ""}, prediction=FEW)) as engine:
        stream = engine.stream([Path(path) for path in starter_files()])
        async for _ in stream:
            break
        await stream.aclose()
        async with asyncio.timeout(30):
            await engine.opened.flow.quiet()
        assert engine.statistics().live == 0


async def test_a_stream_closed_while_rows_wait_for_it_blocks_nobody_else(tmp_path: Path) -> None:
    async with serving(answered) as script:
        config = served(tmp_path, script.url, output={"dir": ""}, sandbox={"workers": 1})
        async with Engine(config) as engine, asyncio.timeout(60):
            stream = engine.stream([{"content": f"def real(): {n}"} for n in range(12)], held=1)
            await anext(stream)
            while (
                not engine.statistics().nodes["revision"].working
            ):  # a finished row that nobody takes
                await asyncio.sleep(0)
            await stream.aclose()
            assert len(await engine.submit({"content": "def real(): again"})) == 2


async def test_an_engine_can_be_used_within_a_cancelled_task(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def use() -> None:
        async with Engine(settings(tmp_path, prediction=FEW)) as engine:
            entered.set()
            await engine.submit(Path(starter_files("snake_grid")[0]).read_text())

    task = asyncio.create_task(use())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with Engine(settings(tmp_path, prediction=FEW)):
        pass  # the folder is free again


async def test_a_submit_that_is_cancelled_on_its_way_in_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    async with serving(answered) as script:
        config = served(tmp_path, script.url, output={"dir": ""})
        async with Engine(config) as engine:
            submitting = asyncio.create_task(engine.submit({"content": "def real(): 1"}))
            while not engine.statistics().live:
                await asyncio.sleep(0)
            submitting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await submitting
            async with asyncio.timeout(30):
                await engine.opened.flow.quiet()
            assert engine.statistics().written == {}
            assert engine.opened.flow.window.live == 0


async def test_who_still_waits_when_the_engine_closes_gets_an_error(tmp_path: Path) -> None:
    async with Engine(settings(tmp_path, output={"dir": ""}, prediction=FEW)) as engine:
        waiting = asyncio.create_task(engine.submit(Path(starter_files("snake_grid")[0])))
        while not engine.statistics().live:
            await asyncio.sleep(0)
    with pytest.raises(Stopped, match="closed"):
        await asyncio.wait_for(waiting, 10)


async def test_every_bad_row_is_a_reject_with_its_line_and_the_others_go_on(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    good = json.dumps({"content": "def real(): ..."})
    source.write_bytes(
        b"\n".join(
            [
                good.encode(),
                b"{oops",
                b'{"text": "no code"}',
                b'{"content": "\xff"}',
                b'{"content": 5}',
            ]
        )
    )
    async with serving(answered) as script:
        report = await finished(served(tmp_path, script.url, source={"path": "rows.jsonl"}))
    assert report["source"] == {
        "read": 5,
        "finished": 1,
        "rejected": {"no_code": 2, "not_json": 1, "not_utf8": 1},
        "live": 0,
    }
    lines = {
        (row["source"]["line"], row["reason"]) for row in rows(tmp_path / "out" / "rejects.jsonl")
    }
    assert lines == {(2, "not_json"), (3, "no_code"), (4, "not_utf8"), (5, "no_code")}


async def test_rows_that_are_equal_are_each_accounted_for_and_paid_once(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", *[{"content": "def real(): ..."}] * 3)
    async with serving(answered) as script:
        report = await finished(served(tmp_path, script.url, source={"path": "rows.jsonl"}))
    assert report["source"]["finished"] == 3
    assert len(samples(tmp_path / "out")) == 3 * 2
    transforms = [
        body for body in script.asked if "Problem Statement" in body["messages"][0]["content"]
    ]
    assert len(transforms) == 1


async def test_the_same_command_again_asks_nothing_and_writes_nothing(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."}, {"content": "nothing"})
    async with serving(answered) as script:
        config = served(tmp_path, script.url, source={"path": "rows.jsonl"})
        before = await finished(config)
        asked, text = len(script.asked), (tmp_path / "out" / "samples.jsonl").read_bytes()
        after = await finished(config)
        assert len(script.asked) == asked
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == text
    assert before["source"] == after["source"]
    assert before["samples"] == after["samples"]


async def test_a_source_that_grew_is_gone_on_with(tmp_path: Path) -> None:
    async with serving(answered) as script:
        config = served(tmp_path, script.url, source={"path": "rows.jsonl"})
        write_rows(tmp_path / "rows.jsonl", {"content": "nothing"})
        await finished(config)
        write_rows(tmp_path / "rows.jsonl", {"content": "nothing"}, {"content": "def real(): ..."})
        report = await finished(config)
    assert report["source"]["read"] == 2
    assert len(samples(tmp_path / "out")) == 2


async def test_another_setting_in_the_same_folder_is_refused_by_name(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "nothing"})
    await finished(settings(tmp_path, source={"path": "rows.jsonl"}))
    with pytest.raises(BadInput, match=r"inference\.temperature"):
        await finished(
            settings(tmp_path, source={"path": "rows.jsonl"}, inference={"temperature": 0.1})
        )


async def test_more_pairs_in_a_finished_folder_add_rows_and_buy_only_those(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    async with serving(answered) as script:
        one = served(
            tmp_path,
            script.url,
            source={"path": "rows.jsonl"},
            prediction={"pairs": 1},
            revision={"turns": 1},
        )
        two = served(
            tmp_path,
            script.url,
            source={"path": "rows.jsonl"},
            prediction={"pairs": 2},
            revision={"turns": 1},
        )
        await finished(one)
        before, asked = samples(tmp_path / "out"), len(script.asked)
        report = await finished(two)
        after = samples(tmp_path / "out")
        assert len(script.asked) == asked + 2
        assert report["source"] == {"read": 1, "finished": 1, "rejected": {}, "live": 0}
        with pytest.raises(BadInput, match=r"prediction\.pairs"):
            await finished(one)
    assert len(before) == 2
    assert len(after) == 4
    assert before.items() <= after.items()


async def test_max_rows_counts_what_the_folder_holds(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", *[{"content": f"def real(): {n}"} for n in range(40)])
    async with serving(answered) as script:
        limited = {"source": {"path": "rows.jsonl"}, "model": {"concurrency": 4}}
        for most in (4, 4, 9):
            config = served(tmp_path, script.url, limits={"max_rows": most}, **limited)
            async with Engine(config) as engine:
                with pytest.raises(Full, match=f"max_rows: {most} rows"):
                    await engine.run()
                assert not engine.finished
            assert len(samples(tmp_path / "out")) == most
        asked = len(script.asked)
        async with Engine(config) as engine:
            with pytest.raises(Full):
                await engine.run()
        assert len(script.asked) == asked
        report = await finished(served(tmp_path, script.url, **limited))
        assert len(samples(tmp_path / "out")) == 80
        assert report["source"] == {"read": 40, "finished": 40, "rejected": {}, "live": 0}
        assert len(script.asked) == len({json.dumps(body) for body in script.asked})


async def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(BadInput, match="not one row"):
        await finished(settings(tmp_path, source={"path": "rows.jsonl"}))


async def test_a_key_is_asked_for_only_by_a_run_that_needs_it(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    assert "A_KEY_THAT_IS_NOT_SET" not in os.environ
    model = {"api_key_env": "A_KEY_THAT_IS_NOT_SET"}
    url = "http://127.0.0.1:9/v1"
    await finished(
        served(
            tmp_path,
            url,
            model=model,
            source={"path": "rows.jsonl"},
            output={"dir": "q", "until": "questions"},
        )
    )
    with pytest.raises(BadInput, match="A_KEY_THAT_IS_NOT_SET"):
        await finished(served(tmp_path, url, model=model, source={"path": "rows.jsonl"}))


async def test_a_key_that_only_a_revision_needs_is_asked_for_when_it_comes_to_that(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    async with serving(answered) as script:
        await finished(
            served(
                tmp_path,
                script.url,
                source={"path": "rows.jsonl"},
                output={"dir": "g", "until": "generations"},
            )
        )
    source = {"path": "g/generations.jsonl", "format": "generations", "parsed": "g/programs.jsonl"}
    with pytest.raises(BadInput, match="A_KEY_THAT_IS_NOT_SET"):
        await finished(
            served(
                tmp_path, script.url, model={"api_key_env": "A_KEY_THAT_IS_NOT_SET"}, source=source
            )
        )
    report = await finished(
        served(tmp_path, script.url, source=source, output={"dir": "one"}, revision={"turns": 1})
    )
    assert report["source"]["finished"] == 2


async def test_an_endpoint_that_is_gone_stops_the_run_and_the_row_is_not_lost(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    gone = served(
        tmp_path,
        "http://127.0.0.1:9/v1",
        source={"path": "rows.jsonl"},
        limits={"give_up_s": BACKOFF_S[0] / 5},
    )
    with pytest.raises(OutOfService, match="give_up_s"):
        await finished(gone)
    assert rows(tmp_path / "out" / "rejects.jsonl") == []
    async with serving(answered) as script:
        report = await finished(served(tmp_path, script.url, source={"path": "rows.jsonl"}))
    assert report["source"]["finished"] == 1


async def test_stop_lets_live_work_end_and_takes_no_more(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", *[{"content": f"nothing {n}"} for n in range(200)])
    config = settings(tmp_path, source={"path": "rows.jsonl"})
    async with Engine(config) as engine:
        running = asyncio.create_task(engine.run())
        while not engine.statistics().written.get("rejects"):
            await asyncio.sleep(0)
        engine.stop()
        await running
        assert not engine.finished
        report = await engine.report()
        with pytest.raises(Stopped):
            await engine.submit({"content": "late"})
    assert 0 < report["source"]["read"] < 200
    assert report["source"]["live"] == 0
    assert (await finished(config))["source"]["read"] == 200


async def test_several_samples_of_a_question_are_asked_with_their_seeds(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    async with serving(answered) as script:
        prediction = {"pairs": 1, "samples": 3, "directions": ["output"]}
        await finished(
            served(
                tmp_path,
                script.url,
                source={"path": "rows.jsonl"},
                prediction=prediction,
                revision={"turns": 1},
            )
        )
    assert sorted(body["seed"] for body in script.asked if "seed" in body) == [0, 1, 2]
    assert len(samples(tmp_path / "out")) == 3
    (question,) = rows(tmp_path / "out" / "questions.jsonl")
    assert question["answered"] == 3


async def test_samples_go_in_rounds_until_the_pass_rate_is_surely_outside_the_band(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})

    def mixed(body: dict[str, Any]) -> Reply:
        """Every second answer to the input question is right, none to the output question."""
        text = body["messages"][0]["content"]
        if "Problem Statement" in text or '{"output"' in text:
            return answered(body)
        target = int(text.split("```json\n")[-1].split("\n")[0])
        return said(f'{{"input": {{"a": {target - body["seed"] % 2}, "b": 0}}}}')

    prediction = {"pairs": 1, "samples": 8, "round": 2, "band": [0.3, 0.7]}
    async with serving(mixed) as script:
        report = await finished(
            served(
                tmp_path,
                script.url,
                source={"path": "rows.jsonl"},
                prediction=prediction,
                revision={"turns": 1},
            )
        )
    lines = {line["direction"]: line for line in rows(tmp_path / "out" / "questions.jsonl")}
    rates = {d: (line["asked"], line["wanted"], line["pass_rate"]) for d, line in lines.items()}
    assert rates == {
        "input": (8, 8, 0.5),
        "output": (6, 8, 0.0),
    }  # after 6 wrong ones 2 of 8 is the best there can be
    assert report["samples_saved"] == 2
    assert sorted(body["seed"] for body in script.asked if "seed" in body) == sorted(
        [*range(8), *range(6)]
    )


async def test_a_predicted_input_outside_its_domain_is_tagged_or_judged_wrong_as_set(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})

    def outside(body: dict[str, Any]) -> Reply:
        text = body["messages"][0]["content"]
        if '{"input"' not in text or "Problem Statement" in text:
            return answered(body)
        target = int(text.split("```json\n")[-1].split("\n")[0])
        return said(f'{{"input": {{"a": {target}, "b": 0}}}}')

    verdicts = {}
    for domain in ("tag", "require"):
        async with serving(outside) as script:
            await finished(
                served(
                    tmp_path,
                    script.url,
                    source={"path": "rows.jsonl"},
                    output={"dir": domain},
                    verification={"domain": domain},
                    prediction={"pairs": 1, "directions": ["input"]},
                )
            )
        (row,) = samples(tmp_path / domain).values()
        verdicts[domain] = (
            row["meta"]["turns"][0]["verdict"],
            "out_of_domain" in row["meta"]["tags"],
        )
    assert verdicts == {"tag": ("right", True), "require": ("wrong", True)}


async def test_no_key_is_in_anything_that_a_run_leaves_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-do-not-tell")
    write_rows(tmp_path / "rows.jsonl", {"content": "def real(): ..."})
    async with serving(answered) as script:
        await finished(
            served(
                tmp_path,
                script.url,
                model={"api_key_env": "THE_KEY"},
                source={"path": "rows.jsonl"},
            )
        )
        assert script.headers[0]["Authorization"] == "Bearer sk-do-not-tell"
    for path in (tmp_path / "out").iterdir():
        assert b"sk-do-not-tell" not in path.read_bytes(), path.name
