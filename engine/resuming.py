"""Resumes a run folder: which settings may differ, forks, and rejects that are opened again."""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from engine.config.changes import RAISED, completed, differences, extensions, touches
from engine.config.settings import Config
from engine.errors import BadInput, MachineFailed
from engine.journal.journal import Journal
from engine.journal.opening import FILE
from engine.results.rejects import standing_rejects
from stages.records import counts

logger = logging.getLogger(__name__)
RUN_SCHEMA = 1
"""Version of run.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions:
    """How a run goes on with an earlier one, beyond doing what is left.

    fork_of: the folder whose results are used in this new one. replay_only: no model is called, and
    what would be needed is counted in `Snapshot.withheld`. most_pending: how many of those calls
    are kept, for a batch file. retry: the reason of rejects to open again.
    """

    fork_of: Path | None = None
    replay_only: bool = False
    most_pending: int = 0
    retry: str = ""


async def resume(config: Config, journal: Journal, options: ResumeOptions) -> bool:
    """Checks that the folder's run is this one, and remembers its settings.

    Returns whether the folder is new. Raises: BadInput, MachineFailed.
    """
    await _attach(journal, options)
    now = config.model_dump(mode="json")
    noted = await journal.note("settings")
    if noted is not None:
        before = completed(json.loads(noted))
        extended = extensions(before, now)
        allowed = {*extended, *(RAISED if options.retry else ())}
        differing = [name for name in differences(before, now) if name not in allowed]
        if differing:
            raise BadInput(
                f"{config.folder}: this folder's run has other settings: {', '.join(differing)}; "
                "set them back, or give --fork NEWDIR, which takes what was paid for along"
            )
        if extended:
            await _extend(config, journal, extended)
    if options.retry:
        await _retry(config, journal, options.retry)
    await journal.remember("settings", json.dumps(now))
    if config.folder is not None:
        base = os.path.relpath(config.base, config.folder)  # noqa: ASYNC240  # no file is read
        text = json.dumps({"schema": RUN_SCHEMA, "base": base, **now}, indent=2, ensure_ascii=False)
        try:
            (config.folder / "run.json").write_text(text + "\n")
        except OSError as exc:
            raise MachineFailed(f"{config.folder}: cannot be written: {exc.strerror}") from exc
    return noted is None


async def _extend(config: Config, journal: Journal, extended: list[str]) -> None:
    """Opens finished rows again, since they have more to give. What was paid for is replayed."""
    if (compacted := await journal.note("compacted")) is not None:
        logger.warning(
            "%s: results of finished rows were dropped (compact, %s); %s asks for them again",
            config.folder,
            compacted,
            ", ".join(extended),
        )
    await journal.unmark()


async def _attach(journal: Journal, options: ResumeOptions) -> None:
    """Attaches the journal of the run that this one was forked from, if it was."""
    older = options.fork_of
    if older is not None:
        await journal.remember("forked_from", str(older.resolve() / FILE))
    noted = await journal.note("forked_from")
    if noted is not None:
        await journal.attach(Path(noted))


async def _retry(config: Config, journal: Journal, reason: str) -> None:
    """Opens again what was rejected for this reason. Raises: BadInput where nothing was."""
    standing = standing_rejects(config.folder)
    found = [reject for reject in standing if reject["reason"] == reason]
    if not found:
        there = ", ".join(sorted({reject["reason"] for reject in standing})) or "none"
        raise BadInput(
            f"--retry-rejects {reason}: this folder has no such rejects; their reasons are: {there}"
        )
    opened = await journal.retry(
        [
            (reject["kind"], reject["id"], reject["source"]["row"], reject["attempt"])
            for reject in found
        ],
        reason,
    )
    logger.info("%d rejects are asked again", opened)


async def outlook(config: Config, journal: Journal) -> str:
    """What a fork changes, and how many model calls that takes: at least, and about.

    Both follow from the old run's own figures. "" where no run is attached.
    """
    old = await journal.attached_run()
    if old is None:
        return ""
    now = config.model_dump(mode="json")
    differing = differences(completed(json.loads(old.settings)), now)
    spent = ((counts.spent_parts(name), count) for name, count in old.counts.items())
    calls = sum(count for parts, count in spent if parts is not None and parts[2] == "calls")
    asked = old.rows.get("questions", 0) * config.prediction.samples
    # Each finished row took about one transform call, and each sample that was wanted one first
    # answer. The rest were revisions. A change to a role repeats its calls and those of the roles
    # behind it.
    least, about = 0, 0
    if any(touches(name, role, now) for name in differing for role in ("revision", "verification")):
        about = max(0, calls - old.finished - asked)
    if any(touches(name, "inference", now) or "prediction." in name for name in differing):
        least, about = asked, max(0, calls - old.finished)
    if any(touches(name, "transform", now) for name in differing):
        least, about = old.finished, calls
    changed = f"changed: {', '.join(differing)}" if differing else "no setting is changed"
    return (
        f"a fork of a run that made {calls} model calls; {changed}; needs at least {least} calls, "
        f"about {about}"
    )
