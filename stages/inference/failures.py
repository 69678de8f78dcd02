"""What a failed attempt means: send it again, reject the row, or end the run."""

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
"""What some servers say with status 400 where others send 404, as with 401 for KEY_REFUSED.

Source: LiteLLM's proxy, vLLM.
"""
UNPAID = frozenset({"limited", "refused", "unreached"})
"""The kinds of failures that no provider bills."""
RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed."""
FULL = frozenset({429, 529})
"""Statuses by which a server says that it has too many requests."""


class Transient(Exception):
    """Raised when this attempt failed and another one may succeed.

    kind: how it failed. limited: status 429, or the server says that it is full. refused: another
    status. unreached: nothing was sent. unanswered: it broke off, or took too long. malformed: the
    reply is no chat completion.
    retry_after_s: how long the server asks to wait.
    usage: the tokens that the server reports for it.
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
    """What was asked, for messages.

    setting: the model's place in the run file, such as `models.main`. model: its name.
    """

    setting: str
    model: str
    pool: UpstreamPool

    def failure(self, status: int, reply: bytes, headers: Mapping[str, str]) -> Exception:
        """The exception to raise for a reply with another status than 200."""
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
    """Seconds to wait by a Retry-After header, or None where there is none.

    Source: RFC 9110, section 10.2.3: a number of seconds, or a date.
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
    # Our clock may differ from the server's, whose Date header says what it reads there.
    try:
        now = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        now = environment.wall()
    return min(RETRY_AFTER_S, max(0.0, until - now))
