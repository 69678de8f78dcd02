"""Provider batch files: a whole run by batches alone gives the rows of the run that asked one by
one, at half the price."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine import BadInput, batch
from tests.engine.test_faulty_servers import model
from tests.support.runs import finished, rows, settings, unmeasured, write_rows
from tests.support.server import serving

FILES = 5
PRICE = {"input": 1.0, "output": 2.0}


def run_of(base: Path, out: str, url: str = "http://127.0.0.1:9/v1", **sections: Any) -> Any:
    write_rows(base / "rows.jsonl", *[{"content": f"def real_{n}(): ..."} for n in range(FILES)])
    main = {"base_url": url, "model": "m", "price": PRICE}
    given = {"prediction": {"pairs": 1}, **sections}
    return settings(
        base, models={"main": main}, source={"path": "rows.jsonl"}, output={"dir": out}, **given
    )


def answered(requests: Path, results: Path) -> None:
    """What the provider makes of a batch input file."""
    lines = []
    for request in rows(requests):
        assert (request["method"], request["url"]) == ("POST", "/v1/chat/completions")
        assert len(request["custom_id"]) <= 64
        body = model(request["body"]).body
        lines.append(
            {
                "id": "batch_req_1",
                "custom_id": request["custom_id"],
                "error": None,
                "response": {"status_code": 200, "request_id": "r", "body": body},
            }
        )
    write_rows(results, *reversed(lines))  # in whatever order


async def test_a_run_by_batches_gives_the_rows_of_one_that_asks(tmp_path: Path) -> None:
    requests, results, batches = tmp_path / "in.jsonl", tmp_path / "out.jsonl", 0
    config = run_of(tmp_path, "batched")
    while (await batch.write(config, requests)).requests:
        answered(requests, results)
        taken = await batch.read(config, results)
        assert taken.answers == len(rows(requests))
        assert (
            await batch.read(config, results)
        ).known == taken.answers  # read twice, nothing changes
        batches += 1
    assert batches == 3  # transform, first answers, second answers
    report = await finished(config)
    async with serving(model) as script:
        whole = await finished(run_of(tmp_path, "whole", script.url))
    batched, asked = unmeasured(tmp_path / "batched"), unmeasured(tmp_path / "whole")
    for row in (*batched.values(), *asked.values()):
        del row["meta"]["usage"]["usd"]
        for turn in row["meta"]["turns"]:
            del turn["usage"]["usd"]
    assert batched == asked
    assert report["spending"]["usd"] == pytest.approx(whole["spending"]["usd"] / 2)


async def test_as_many_as_are_wanted_are_written_and_the_rest_is_counted(tmp_path: Path) -> None:
    written = await batch.write(run_of(tmp_path, "out"), tmp_path / "in.jsonl", most=2)
    assert (written.requests, written.waiting) == (2, FILES - 2)
    assert written.most_usd > 0


async def test_no_more_is_written_than_the_budget_allows(tmp_path: Path) -> None:
    config = run_of(tmp_path, "out", limits={"budget_usd": 0.03})
    written = await batch.write(config, tmp_path / "in.jsonl")
    assert 0 < written.requests < FILES
    assert written.most_usd <= 0.03


async def test_results_that_failed_are_asked_again_and_refusals_are_rejects(tmp_path: Path) -> None:
    config, requests, results = (
        run_of(tmp_path, "out"),
        tmp_path / "in.jsonl",
        tmp_path / "out.jsonl",
    )
    await batch.write(config, requests)
    answered(requests, results)
    lines = rows(results)
    lines[0] |= {"response": None, "error": {"code": "batch_expired"}}
    lines[1]["response"] = {
        "status_code": 400,
        "body": {"error": {"message": "maximum context length is 10 tokens"}},
    }
    lines[2]["response"] = {"status_code": 500, "body": {}}
    write_rows(results, *lines)
    taken = await batch.read(config, results)
    assert (taken.answers, taken.refused, taken.failed) == (FILES - 3, 1, 2)
    await batch.write(config, requests)
    waiting = [request["custom_id"] for request in rows(requests)]
    assert {lines[0]["custom_id"], lines[2]["custom_id"]} <= set(waiting)
    assert lines[1]["custom_id"] not in waiting
    assert [
        row["reason"]
        for row in rows(tmp_path / "out" / "rejects.jsonl")
        if row["reason"] == "context"
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            {"custom_id": "somebody-elses", "response": {}},
            r"line 1: custom_id 'somebody-elses' is none",
        ),
        ("{", "a line is not JSON"),
        ([], "line 1: custom_id None is none"),
    ],
)
async def test_a_file_that_is_none_of_ours_is_refused_by_its_line(
    tmp_path: Path, line: Any, message: str
) -> None:
    write_rows(tmp_path / "out.jsonl", line if isinstance(line, str) else json.dumps(line))
    with pytest.raises(BadInput, match=message):
        await batch.read(run_of(tmp_path, "out"), tmp_path / "out.jsonl")


async def test_a_simulated_model_has_no_batches(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", {"content": "def real_0(): ..."})
    with pytest.raises(BadInput, match=r"models\.main: a simulated model has no batch"):
        await batch.write(settings(tmp_path, source={"path": "rows.jsonl"}), tmp_path / "in.jsonl")
