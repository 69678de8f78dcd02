"""Reads the bodies of chat completions, into an Answer or into what is wrong with them."""

import re
from typing import Any

import orjson

from stages.errors import Rejected
from stages.records import Answer, Messages, Usage

THINKING = re.compile(r"^\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.DOTALL)
OPENED_THINKING = re.compile(r"\s*<think(?:ing)?>")
CHARACTERS_PER_TOKEN = 4


class Malformed(Exception):
    """Raised for a reply that is no chat completion. Another attempt may succeed.

    usage: the tokens that it reports, or None.
    """

    usage: Usage | None = None


def answer_of(body: bytes, messages: Messages, asked_of: str) -> Answer:
    """The answer in a reply of status 200.

    messages: of the request, from which tokens are estimated. asked_of: the name of the model.
    Raises: Malformed, Rejected (filtered or refused).
    """
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Malformed(f"the reply is no JSON ({exc}): {excerpt(body)}") from None
    if not isinstance(reply, dict):
        raise Malformed(f"the reply is no JSON object: {excerpt(body)}")
    try:
        return _answer_in(reply, body, messages, asked_of)
    except (Malformed, Rejected) as exc:
        # A withheld answer is billed like any other, so an estimate will do. A malformed reply may
        # have cost nothing, so only what it reports counts.
        usage = usage_of(reply.get("usage"), messages, "")
        if not usage.estimated or isinstance(exc, Rejected):
            exc.usage = usage
        raise


def _answer_in(reply: dict[str, Any], body: bytes, messages: Messages, asked_of: str) -> Answer:
    if reply.get("error"):
        raise Malformed(f"an error came with status 200: {excerpt(body)}")
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("the reply has no choices")
    message = choices[0].get("message")
    finish = choices[0].get("finish_reason") or "stop"
    if not isinstance(message, dict):
        raise Malformed("the reply's choice has no message")
    if finish == "content_filter":
        raise Rejected(
            "filtered",
            "the provider's content filter withheld the answer (finish_reason content_filter)",
        )
    if message.get("refusal"):
        raise Rejected("refused", str(message["refusal"])[:300])
    content = message.get("content")
    # A model that thinks up to its limit has no content.
    if content is None and finish == "length":
        content = ""
    if not isinstance(content, str):
        raise Malformed(f"the reply's content is {type(content).__name__}, not text")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    content, thought = without_thinking(content)
    reasoning = reasoning if isinstance(reasoning, str) and reasoning else thought
    if not content.strip() and finish != "length":
        raise Malformed("the reply's content is empty")
    model = reply.get("model")
    return Answer(
        content=content,
        reasoning=reasoning,
        finish="length" if finish == "length" else "stop",
        model=model if isinstance(model, str) and model else asked_of,
        usage=usage_of(reply.get("usage"), messages, content + reasoning),
    )


def without_thinking(content: str) -> tuple[str, str]:
    """Content without a leading <think> block, and that block's text.

    Where the block is not closed, there is no content.
    """
    found = THINKING.match(content)
    if found:
        return content[found.end() :], found[1].strip()
    opened = OPENED_THINKING.match(content)
    return ("", content[opened.end() :].strip()) if opened else (content, "")


def usage_of(usage: Any, messages: Messages, said: str) -> Usage:
    """The tokens that a server reports, or an estimate that is marked as one.

    usage: the reply's field, of any type. said: the text of the answer and its reasoning.
    """
    if isinstance(usage, dict):
        asked, answered = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if isinstance(asked, int) and isinstance(answered, int):
            details = usage.get("prompt_tokens_details")
            cached = details.get("cached_tokens") if isinstance(details, dict) else 0
            return Usage(
                input_tokens=asked,
                output_tokens=answered,
                cached_tokens=cached if isinstance(cached, int) else 0,
            )
    asked_characters = sum(len(message["content"]) for message in messages)
    return Usage(
        input_tokens=asked_characters // CHARACTERS_PER_TOKEN,
        output_tokens=len(said) // CHARACTERS_PER_TOKEN,
        estimated=True,
    )


def refusal_of(status: int, body: bytes) -> Rejected:
    """What a permanent refusal of one request means for its row."""
    text = excerpt(body, 500)
    lowered = text.lower()
    if "context" in lowered and ("length" in lowered or "window" in lowered or "token" in lowered):
        return Rejected("context", f"status {status}: {text}")
    if "content" in lowered and ("policy" in lowered or "filter" in lowered):
        return Rejected("filtered", f"status {status}: {text}")
    return Rejected("refused", f"status {status}: {text}")


def excerpt(body: bytes, length: int = 200) -> str:
    """The beginning of a body on one line, of `length` characters at most."""
    return " ".join(body[: 4 * length].decode("utf-8", "replace").split())[:length]


def complaint(body: bytes) -> str:
    """Type, code and the beginning of the message of an error, or "" for another body.

    Only the beginning counts, since some servers quote the request further on.
    """
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    if isinstance(error, str):
        return error[:80]
    found = (
        [error.get(name) for name in ("type", "code", "message")] if isinstance(error, dict) else []
    )
    return " ".join(str(part)[:80] for part in found if part)
