"""Provider batch files: writes the calls that a run waits for, and records their results.

Half-price batch APIs answer within a day. `batch write` runs a folder as far as it goes without a
call. Then it writes the calls that are needed next. `batch read` records the results as if the run
had made the calls. So the next `batch write`, or the run itself, goes on from there.

Source of the format: OpenAI batch API. vLLM's run_batch reads the same.
"""

import base64
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.config.settings import Config
from engine.core import Engine
from engine.effects.effects import PendingCall
from engine.effects.lease import worst_case
from engine.effects.model import answered, most_tokens, refusal
from engine.effects.prices import BATCHED, Prices
from engine.effects.spending import Spending
from engine.errors import BadInput
from engine.journal.journal import Journal
from engine.resuming import ResumeOptions, resume
from stages.errors import Rejected
from stages.inference.replies import Malformed, answer_of, refusal_of
from stages.records import Usage

MOST = 50_000
"""Requests in a file. Source: OpenAI's limit."""
MOST_BYTES = 190 << 20
"""Bytes of a file. Source: OpenAI's limit of 200 MB."""
ROLES = {"t": "transform", "i": "inference", "r": "revision"}
ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    requests: in the file. waiting: needed as well, but more than fit. most_usd: what the written
    ones can cost.
    """

    requests: int
    waiting: int
    most_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Results of a file, by what became of them.

    refused: requests that are never answered. failed: requests that will be asked again. known:
    results that were there already.
    """

    answers: int = 0
    refused: int = 0
    failed: int = 0
    known: int = 0


@dataclass(slots=True)
class _BatchFile:
    """A batch input file as it grows, within the sizes that providers take and the budget.

    tokens, usd: what the calls in it can cost, at their worst case.
    """

    spending: Spending
    most: int
    requests: int = 0
    size_bytes: int = 0
    tokens: int = 0
    usd: float = 0.0

    def takes(self, line: bytes, model: str, usage: Usage) -> bool:
        """Whether another call fits. If it does, it counts from here on."""
        tokens = self.tokens + usage.input_tokens + usage.output_tokens
        usd = self.usd + self.spending.prices.usd(model, usage)
        size_bytes = self.size_bytes + len(line)
        if self.requests == self.most or size_bytes > MOST_BYTES:
            return False
        if not self.spending.holds(usd, tokens):
            return False
        self.requests, self.size_bytes = self.requests + 1, size_bytes
        self.tokens, self.usd = tokens, usd
        return True


async def write(config: Config, path: Path, most: int = MOST) -> Written:
    """Writes the calls that the run needs now, as far as the budget allows. Raises: EngineError."""
    options = ResumeOptions(replay_only=True, most_pending=most)
    async with Engine(config, options=options) as engine:
        await engine.run()
        run = engine.opened
        batch = _BatchFile(run.spending, most)
        # Renamed once it is on disk, so that a file of this name is never half a batch.
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            for key, call in run.effects.pending.items():
                model = config.models[call.section]
                if model.kind != "openai":
                    raise BadInput(
                        f"models.{call.section}: a simulated model has no batch API; "
                        "run it as it is"
                    )
                line = _line(key, call, sorted(config.models))
                usage = worst_case(call.body["messages"], most_tokens(call.body))
                if not batch.takes(line, model.model + BATCHED, usage):
                    break
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return Written(batch.requests, run.effects.withheld - batch.requests, batch.usd)


def _line(key: bytes, call: PendingCall, sections: list[str]) -> bytes:
    """A call as a line of the file. Its custom_id holds all that its result is recorded under."""
    encoded = base64.urlsafe_b64encode(key).decode().rstrip("=")
    request = {
        "custom_id": f"{call.role[:1]}{sections.index(call.section)}-{encoded}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": call.body,
    }
    return orjson.dumps(request) + b"\n"


async def read(config: Config, path: Path) -> Taken:
    """Records a result file, line by line.

    Results that are there already stay. So a file may be read twice, or again after a failure.
    Raises: EngineError.
    """
    found: Counter[str] = Counter()
    async with Journal(config.folder) as journal:
        await resume(config, journal, ResumeOptions())
        spending = Spending(prices=Prices.of(config.models), limits=config.limits)
        await spending.resume(journal)
        sections = sorted(config.models)
        for number, row in _rows(path):
            where = f"{path}, line {number}"
            role, section, key = _named(row, sections, where)
            if await journal.effect(key) is not None:
                found["known"] += 1
                continue
            model = config.models[section].model
            try:
                answer = _answer(row, model, where)
            except Rejected as exc:
                await journal.record(key, refusal(exc))
                found["refused"] += 1
                continue
            except Malformed:
                found["failed"] += 1
                continue
            fresh = answered(answer, spending, model + BATCHED, role)
            await journal.record(key, fresh.value, added=fresh.counts)
            found["answers"] += 1
    return Taken(**found)


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, orjson.loads(line)
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}") from exc
    except orjson.JSONDecodeError as exc:
        raise BadInput(
            f"{path}: a line is not JSON ({exc}); what stood before it is recorded"
        ) from exc


def _named(row: Any, sections: list[str], where: str) -> tuple[str, str, bytes]:
    """The role, the model's section and the key that a custom_id holds. Raises: BadInput."""
    id_ = row.get("custom_id") if isinstance(row, dict) else None
    try:
        head, _, tail = str(id_).partition("-")
        key = base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
        role, section = ROLES[head[0]], sections[int(head[1:])]
        if len(key) != ID_BYTES:
            raise ValueError(tail)
    except (ValueError, KeyError, IndexError) as exc:
        raise BadInput(
            f"{where}: custom_id {id_!r} is none of a file that `batch write` wrote for this run"
        ) from exc
    return role, section, key


def _answer(row: dict[str, Any], model: str, where: str) -> Any:
    """The answer in a result. Raises: Rejected, Malformed (it is to be asked again)."""
    response = row.get("response")
    if not isinstance(response, dict) or "body" not in response:
        raise Malformed(f"{where}: {row.get('error')}")
    body, status = orjson.dumps(response["body"]), response.get("status_code", 200)
    if status == 200:
        return answer_of(body, (), model)
    if status in (400, 413, 422):
        raise refusal_of(status, body)
    raise Malformed(f"{where}: status {status}")
