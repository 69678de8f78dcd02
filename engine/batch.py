"""Provider batch files: the questions that a run waits for, written as a batch input file, and its
results taken in.

Half-price batch APIs answer within a day. `batch write` runs a folder as far as it goes without a
call and writes the calls that it then needs; `batch read` records the results as if they had been
asked for, so that the next `batch write` (or the run itself) goes on from there. Source of the
format: OpenAI batch API; vLLM's run_batch reads the same.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.core import Engine
from engine.errors import BadInput
from engine.journal import Journal
from engine.ports import answered, most_tokens, refusal
from engine.resuming import Again, take_up
from engine.settings import Config
from engine.spending import BATCHED, Spending
from stages.errors import Rejected
from stages.inference.replies import Malformed, answer_of, refusal_of

MOST = 50_000
"""Requests in a file. Source: OpenAI's limit."""
MOST_BYTES = 190 << 20
"""Bytes of a file. Source: OpenAI's limit of 200 MB."""
ROLES = {"t": "transform", "i": "inference", "r": "revision"}
ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Written:
    """requests written; waiting: needed as well, but more than fit; most_usd: what the written ones
    can cost."""

    requests: int
    waiting: int
    most_usd: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Results taken in: answers, refusals of single requests, those that failed and will be asked
    again, those that were there already."""

    answers: int = 0
    refused: int = 0
    failed: int = 0
    known: int = 0


async def write(config: Config, path: Path, most: int = MOST) -> Written:
    """Writes the calls that the run needs now, as far as the budget allows. Raises: EngineError."""
    sections = sorted(config.models)
    async with Engine(config, again=Again(replay_only=True)) as engine:
        engine.effects.awaited = {}
        engine.effects.most_awaited = most
        await engine.run()
        spending, awaited = engine.spending, engine.effects.awaited
        requests, size, held, most_usd = 0, 0, 0, 0.0
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            for key, call in awaited.items():
                model = config.models[call.section]
                if model.kind != "openai":
                    raise BadInput(
                        f"models.{call.section}: a simulated model has no batch API; run it as it is"
                    )
                lease = spending.lease(
                    engine.journal,
                    model.model + BATCHED,
                    call.role,
                    call.body["messages"],
                    most_tokens(call.body),
                )
                dearest = lease.dearest
                tokens = held + dearest.input_tokens + dearest.output_tokens
                usd = most_usd + spending.usd_of(model.model + BATCHED, dearest)
                id_ = f"{call.role[:1]}{sections.index(call.section)}-{base64.urlsafe_b64encode(key).decode().rstrip('=')}"
                line = orjson.dumps(
                    {
                        "custom_id": id_,
                        "method": "POST",
                        "url": "/v1/chat/completions",
                        "body": call.body,
                    }
                )
                if (
                    requests == most
                    or size + len(line) > MOST_BYTES
                    or not spending.holds(usd, tokens)
                ):
                    break
                file.write(line + b"\n")
                requests, size, held, most_usd = requests + 1, size + len(line) + 1, tokens, usd
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return Written(requests, engine.effects.withheld - requests, most_usd)


async def read(config: Config, path: Path) -> Taken:
    """Records a result file, line by line; one that is read twice, or gone on with, changes nothing
    that is there.

    Raises: EngineError.
    """
    counts = dict.fromkeys(("answers", "refused", "failed", "known"), 0)
    async with Journal(config.folder) as journal:
        await take_up(config, journal, Again())
        spending = Spending(config.models, config.limits)
        await spending.take_up(journal)
        sections = sorted(config.models)
        for number, row in _rows(path):
            where = f"{path}, line {number}"
            role, section, key = _named(row, sections, where)
            if await journal.effect(key) is not None:
                counts["known"] += 1
                continue
            model = config.models[section].model
            try:
                answer = _answer(row, model, where)
            except Rejected as exc:
                await journal.record(key, refusal(exc))
                counts["refused"] += 1
                continue
            except Malformed:
                counts["failed"] += 1
                continue
            made = answered(answer, spending, model + BATCHED, role)
            await journal.record(key, made.value, made.counts)
            counts["answers"] += 1
    return Taken(**counts)


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
    """The role, the model's section and the key that a custom_id holds."""
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
