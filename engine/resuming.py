"""Taking up what a run folder holds: which settings may differ, forks, and rejects that are taken
up again."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadInput, MachineFailed
from engine.journal import Journal
from engine.report import standing_rejects
from engine.settings import Config
from engine.spending import SPENT

logger = logging.getLogger(__name__)

FREE = frozenset({("source", "path"), ("output", "dir"), ("limits",), ("sandbox", "workers")})
"""Settings that may change when a folder's run goes on: they change no row."""
RAISED = ("transform.max_tokens", "inference.max_tokens", "revision.max_tokens")
"""Settings that may also change when rejects are taken up again."""
FREE_OF_MODELS = frozenset(
    {
        "base_url",
        "api_key_env",
        "concurrency",
        "timeout_s",
        "connect_timeout_s",
        "read_timeout_s",
        "attempts",
        "price",
        "hedge",
        "headers",
        "headers_env",
        "requests_per_minute",
        "tokens_per_minute",
    }
)


@dataclass(frozen=True, slots=True)
class Again:
    """How a run takes up an earlier one, beyond going on with it.

    fork_of: the folder whose results are used in this new one. replay_only: no model is called;
    what would be needed is counted in `Engine.effects.withheld`. retry: the reason of rejects to
    take up again.
    """

    fork_of: Path | None = None
    replay_only: bool = False
    retry: str = ""


async def take_up(config: Config, journal: Journal, again: Again) -> bool:
    """Checks that the folder's run is this one, and remembers its settings. Returns whether it is
    new. Raises: BadInput."""
    await _attach(journal, again)
    now = config.model_dump(mode="json")
    before = await journal.note("settings")
    if before is not None:
        extended = _extended(json.loads(before), now)
        raised = RAISED if again.retry else ()
        differing = [
            name
            for name in _differences(json.loads(before), now)
            if name not in (*extended, *raised)
        ]
        if differing:
            raise BadInput(
                f"{config.folder}: this folder's run has other settings: {', '.join(differing)}; "
                "set them back, or give --fork NEWDIR, which takes what was paid for along"
            )
        # finished rows have more to give: they are replayed, and what was paid for is not asked
        # again
        if extended:
            if (compacted := await journal.note("compacted")) is not None:
                logger.warning(
                    "%s: results of finished rows were dropped (compact, %s); %s asks for them again",
                    config.folder,
                    compacted,
                    ", ".join(extended),
                )
            await journal.unmark()
    if again.retry:
        await _retry(config, journal, again.retry)
    await journal.remember("settings", json.dumps(now))
    if config.folder is not None:
        text = json.dumps(
            {"schema": 1, "base": _from(config.folder, config.base), **now},
            indent=2,
            ensure_ascii=False,
        )
        try:
            (config.folder / "run.json").write_text(text + "\n")
        except OSError as exc:
            raise MachineFailed(f"{config.folder}: cannot be written: {exc.strerror}") from exc
    return before is None


def _from(folder: Path, base: Path) -> str:
    """Where the run file's folder lies, seen from the run folder."""
    return os.path.relpath(base, folder)


async def _attach(journal: Journal, again: Again) -> None:
    """Takes along the results of the run that this one was forked from."""
    older = again.fork_of
    if older is not None:
        await journal.remember("forked_from", str(older.resolve() / "journal.sqlite"))
    noted = await journal.note("forked_from")
    if noted is not None:
        await journal.attach(Path(noted))


async def _retry(config: Config, journal: Journal, reason: str) -> None:
    """Takes up again what was rejected for this reason. Raises: BadInput where nothing was."""
    standing = standing_rejects(config.folder)
    found = [reject for reject in standing if reject["reason"] == reason]
    if not found:
        there = ", ".join(sorted({reject["reason"] for reject in standing})) or "none"
        raise BadInput(
            f"--retry-rejects {reason}: this folder has no such rejects; their reasons are: {there}"
        )
    taken = await journal.retry(
        [
            (reject["kind"], reject["id"], reject["source"]["row"], reject["attempt"])
            for reject in found
        ],
        reason,
    )
    logger.info("%d rejects are taken up again", taken)


async def outlook(config: Config, journal: Journal) -> str:
    """What a fork changes and how many model calls that takes: at least, and about; from the old
    run's own figures."""
    noted, counts, rows = await journal.attached()
    if noted is None:
        return ""
    now = config.model_dump(mode="json")
    differing = _differences(json.loads(noted), now)
    calls = sum(
        count
        for name, count in counts.items()
        if name.startswith(SPENT) and name.endswith("|calls")
    )
    asked, sources = rows.get("questions", 0) * config.prediction.samples, rows.get("", 0)
    least, about = 0, 0
    if any(
        _touches(name, role, now) for name in differing for role in ("revision", "verification")
    ):
        about = max(0, calls - sources - asked)
    if any(_touches(name, "inference", now) for name in differing) or any(
        "prediction." in name for name in differing
    ):
        least, about = asked, max(0, calls - sources)
    if any(_touches(name, "transform", now) for name in differing):
        least, about = sources, calls
    told = f"changed: {', '.join(differing)}" if differing else "no setting is changed"
    return f"a fork of a run that made {calls} model calls; {told}; needs at least {least} calls, about {about}"


def _touches(name: str, role: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting is of a role's, or of the model that the role uses."""
    section, _, rest = name.partition(".")
    return section == role or (
        section == "models" and rest.split(".")[0] == settings.get(role, {}).get("model")
    )


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The settings that differ and shape rows, by name."""
    found = []
    for section in sorted(before.keys() | now.keys()):
        old, new = before.get(section, {}), now.get(section, {})
        if (section,) in FREE or not isinstance(old, dict) or not isinstance(new, dict):
            continue
        if section == "models":
            names = sorted(old.keys() | new.keys())
            found += [
                f"models.{name}.{key}"
                for name in names
                for key in _changed(old.get(name, {}), new.get(name, {}))
                if key not in FREE_OF_MODELS
            ]
        else:
            found += [
                f"{section}.{key}" for key in _changed(old, new) if (section, key) not in FREE
            ]
    return found


def _extended(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The settings that differ and only add rows, by name."""
    old, new = before["prediction"], now["prediction"]
    more = [
        ("prediction.pairs", old["pairs"] < new["pairs"]),
        ("prediction.samples", old["samples"] < new["samples"]),
        ("prediction.directions", set(old["directions"]) < set(new["directions"])),
    ]
    return [name for name, adds in more if adds]


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
