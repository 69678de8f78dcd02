"""What a failed attempt means: ask again, reject the row, or end the run; and how long a server
wants to rest."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stages.errors import Misconfigured, Unavailable
from stages.inference.environment import Environment
from stages.inference.pool import UpstreamPool
from stages.inference.replies import complaint, excerpt, refusal_of
from stages.inference.upstream import Upstream
from stages.records import Usage

RETRY_AFTER_S = 3600.0
"""The longest wait that a server may ask for."""
KEY_REFUSED = re.compile(
    r"(invalid|incorrect|wrong|missing)[\w ]{0,12} api.?key|authentication|no_db_connection",
    re.IGNORECASE,
)
MODEL_UNKNOWN = re.compile(
    r"(invalid|unknown|no such) model( name)?|model[^.]{0,60}(does not exist|not found)",
    re.IGNORECASE,
)
"""What some servers say with status 400 where others say 401 and 404. Source: LiteLLM's proxy,
vLLM."""
UNPAID = frozenset({"limited", "refused", "unreached"})
"""Kinds of failures that no provider bills."""
RETRIED = frozenset({408, 409, 425, 429})
FULL = frozenset({429, 529})
"""Statuses by which a server says that it has too much to do."""


class Transient(Exception):
    """Raised when this attempt failed and another may not.

    kind: limited (429, or full by its own word), refused (another status), unreached (nothing was
    sent), unanswered (it broke off, or took too long), malformed. usage: what the server said of
    it.
    """

    def __init__(
        self,
        what: str,
        kind: str,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(what)
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.usage = usage


class AttemptFailed(Exception):
    """Raised when an attempt failed on an upstream."""

    def __init__(self, why: Transient, upstream: Upstream) -> None:
        super().__init__(str(why))
        self.why = why
        self.upstream = upstream


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for messages. setting: the model's place in the run file (`models.main`)."""

    setting: str
    model: str
    pool: UpstreamPool

    def failure(self, status: int, reply: bytes, headers: Mapping[str, str]) -> Exception:
        """What a reply with another status than 200 means, as the exception to raise."""
        pool, text = self.pool, self.pool.without_key(excerpt(reply))
        where = f"{self.setting}: {pool.addresses}"
        if status in (401, 403) or (status == 400 and KEY_REFUSED.search(complaint(reply))):
            return Misconfigured(
                f"{where} refuses the key (status {status}; see {self.setting}.api_key_env): {text}"
            )
        if status == 404 or (status == 400 and MODEL_UNKNOWN.search(complaint(reply))):
            return Misconfigured(
                f"{where} knows no model {self.model!r} or no such address "
                f"(status {status}; see base_url and model): {text}"
            )
        if status == 402 or (status == 429 and "insufficient_quota" in text):
            return Unavailable(
                f"{where} wants to be paid (status {status}): {text}; "
                "once that is done, the same command continues"
            )
        if status in RETRIED or status >= 500:
            wait_s = retry_after_s(headers, pool.environment)
            overloaded = status == 503 and (wait_s is not None or "overloaded" in text)
            kind = "limited" if status in FULL or overloaded else "refused"
            return Transient(f"status {status}: {text}", kind, wait_s)
        return refusal_of(status, pool.without_key(reply.decode("utf-8", "replace")).encode())


def retry_after_s(headers: Mapping[str, str], environment: Environment) -> float | None:
    """Seconds to wait by a Retry-After header, given in seconds or as a date; None where there is
    none.

    The server's own clock counts, if it shows one.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return min(RETRY_AFTER_S, max(0.0, float(text)))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
    try:
        now = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        now = environment.wall()
    return min(RETRY_AFTER_S, max(0.0, until - now))
