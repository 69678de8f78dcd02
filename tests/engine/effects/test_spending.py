"""Budgets: the server's own ledger never passes them; what is spent, lost and left is reported."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, OutOfService
from engine.config.models import ModelSettings, Price
from engine.config.settings import LimitSettings
from engine.effects.lease import Lease
from engine.effects.prices import Prices
from engine.effects.spending import Spending
from engine.journal.journal import Journal
from engine.journal.store import LeaseRow
from stages.errors import Unavailable
from stages.records import Usage
from tests.support.metered import Ledger, billing
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import finished, samples, settings, write_rows
from tests.support.server import Reply, said

FILES = 12


def model(body: dict[str, Any]) -> Reply:
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        return said(reply_of(SECTIONS))
    return said('{"output": 5}' if '{"output"' in text else '{"input": {"a": 1, "b": 1}}')


def run_of(base: Path, ledger: Ledger, limits: dict[str, Any], **options: Any) -> Any:
    write_rows(base / "rows.jsonl", *[{"content": f"def real(): {n}"} for n in range(FILES)])
    main = {
        "base_url": ledger.script.url,
        "model": "m",
        "price": ledger.price,
        "concurrency": 4,
        **options,
    }
    return settings(
        base,
        models={"main": main},
        source={"path": "rows.jsonl"},
        limits=limits,
        prediction={"pairs": 1},
        transform={"max_tokens": 600},
        inference={"max_tokens": 300},
    )


async def spent(config: Any) -> dict[str, Any]:
    """Runs until it is done or the budget is; the report's spending."""
    try:
        await finished(config)
    except OutOfService as exc:
        assert "budget" in str(exc)  # noqa: PT017  # either end is right
    return dict(json.loads((config.folder / "report.json").read_text())["spending"])


@pytest.mark.parametrize("name", ["budget_usd", "budget_tokens"])
async def test_the_bill_never_passes_the_budget_and_a_raised_one_goes_on(
    tmp_path: Path, name: str
) -> None:
    async with billing(model) as ledger:
        for share in (0.3, 0.6):
            limit = share * 0.06 if name == "budget_usd" else int(share * 40_000)
            config = run_of(tmp_path, ledger, {name: limit})
            with pytest.raises(OutOfService, match=rf"{name}.*raise it and give the same command"):
                await finished(config)
            used = ledger.usd if name == "budget_usd" else ledger.tokens
            assert limit / 3 < used <= limit
        found = await spent(run_of(tmp_path, ledger, {}))
        assert len(samples(tmp_path / "out")) == 2 * FILES
    assert found["tokens"] == ledger.tokens
    assert found["usd"] == pytest.approx(ledger.usd, abs=1e-6)


async def test_what_hangs_or_breaks_off_counts_as_spent_at_its_worst_case(tmp_path: Path) -> None:
    async with billing(model, hangs=0.15, broken=0.15, seed=1) as ledger:
        config = run_of(tmp_path, ledger, {"budget_usd": 0.08}, timeout_s=0.2, attempts=20)
        found = await spent(config)
        assert ledger.usd <= 0.08
        assert found["usd"] >= ledger.usd
    (used,) = found["models"].values()
    assert used["lost_calls"] > 0
    assert used["lost_calls"] + used["calls"] == ledger.calls


async def test_what_a_killed_process_had_under_way_counts_as_spent(tmp_path: Path) -> None:
    async with Journal(tmp_path / "out") as journal:
        await journal.lease(
            LeaseRow(id=b"one", model="m", role="inference", input_tokens=1000, output_tokens=500),
            {},
        )
    async with Journal(tmp_path / "out") as journal:
        spending = Spending(
            prices=Prices.of(
                {"main": ModelSettings(model="m", price=Price(input=1.0, output=2.0))}
            ),
            limits=LimitSettings(),
        )
        await spending.resume(journal)
        assert spending.usd == pytest.approx(0.002)
        assert spending.to_json()["roles"]["inference"]["lost_calls"] == 1
        assert await journal.leases() == []
    async with Journal(tmp_path / "out") as journal:
        again = Spending(prices=spending.prices, limits=LimitSettings())
        await again.resume(journal)
        assert again.usd == pytest.approx(0.002)


async def test_a_call_waits_for_those_under_way_before_it_is_refused() -> None:
    spending = Spending(
        prices=Prices.of({"main": ModelSettings(model="m")}),
        limits=LimitSettings(budget_tokens=100),
    )
    await spending.reserve("m", Usage(input_tokens=40, output_tokens=20))
    waiting = asyncio.create_task(spending.reserve("m", Usage(input_tokens=40, output_tokens=20)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    spending.release("m", Usage(input_tokens=40, output_tokens=20))
    spending.add("m", "inference", Usage(input_tokens=10, output_tokens=10))
    await waiting
    spending.release("m", Usage(input_tokens=40, output_tokens=20))
    with pytest.raises(
        Unavailable, match="20 of 100 tokens are used, and the next call may take 90"
    ):
        await spending.reserve("m", Usage(input_tokens=80, output_tokens=10))


async def test_each_row_has_its_cost(tmp_path: Path) -> None:
    async with billing(model) as ledger:
        await finished(run_of(tmp_path, ledger, {}))
    for row in samples(tmp_path / "out").values():
        usage = row["meta"]["usage"]
        tokens = [turn["usage"] for turn in row["meta"]["turns"]]
        assert usage["input_tokens"] == sum(one["input_tokens"] for one in tokens)
        assert usage["usd"] == pytest.approx(
            (usage["input_tokens"] + 3 * usage["output_tokens"]) / 1e6
        )


async def test_a_cancelled_call_is_not_forgotten(tmp_path: Path) -> None:
    async with billing(model, hangs=1.0) as ledger:
        config = run_of(tmp_path, ledger, {"budget_usd": 1.0})
        async with Engine(config) as engine:
            task = asyncio.create_task(engine.submit({"content": "def real(): 1"}))
            while not ledger.calls:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while engine.opened.spending.reserved_usd:
                await asyncio.sleep(0)
            assert engine.opened.spending.usd > 0
        async with Engine(config) as engine:
            assert engine.opened.spending.usd >= ledger.usd


async def test_what_an_earlier_version_has_counted_is_still_spent() -> None:
    spending = Spending(
        prices=Prices.of({"main": ModelSettings(model="m", price=Price(input=1.0))}),
        limits=LimitSettings(),
    )
    spending.load(
        {
            "spent|m|calls": 3,
            "spent|m|input_tokens": 2_000_000,
            "spent|m|inference|input_tokens": 1_000_000,
        }
    )
    assert spending.usd == pytest.approx(3.0)


async def test_a_models_name_may_hold_any_sign() -> None:
    models = {"main": ModelSettings(model="a|b", price=Price(input=1.0))}
    first, again = (
        Spending(prices=Prices.of(models), limits=LimitSettings()),
        Spending(prices=Prices.of(models), limits=LimitSettings()),
    )
    again.load(first.add("a|b", "inference", Usage(input_tokens=1_000_000, output_tokens=5)))
    assert first.usd == again.usd == pytest.approx(1.0)


async def test_a_call_whose_last_attempt_was_lost_leaves_no_lease(tmp_path: Path) -> None:
    spending = Spending(prices=Prices.of({}), limits=LimitSettings(budget_tokens=1000))
    async with Journal(tmp_path) as journal:
        lease = Lease(
            spending=spending,
            journal=journal,
            model="m",
            role="inference",
            worst_case=Usage(input_tokens=10, output_tokens=5),
        )
        await lease.sending()
        await lease.wasted(None)
        await lease.end()
        assert await journal.leases() == []
    async with Journal(tmp_path) as journal:
        again = Spending(prices=Prices.of({}), limits=LimitSettings())
        await again.resume(journal)
    assert again.to_json()["roles"]["inference"]["lost_calls"] == 1
