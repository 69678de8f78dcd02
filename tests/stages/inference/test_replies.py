"""Bodies of chat completions: an Answer, or exactly what is wrong with them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Rejected
from stages.inference.replies import Malformed, answer_of, excerpt, without_thinking
from stages.records import Answer, Usage

MESSAGES = ({"role": "system", "content": "x" * 20}, {"role": "user", "content": "x" * 24})
SERVED = {"prompt_tokens": 10, "completion_tokens": 5}
USED = Usage(input_tokens=10, output_tokens=5)
BARE = b'{"choices": [{"message": {"content": "So."}}], "error": null, "model": 7}'


def body(content: Any = "So.", finish: Any = "stop", usage: Any = SERVED, **message: Any) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return json.dumps({"model": "served", "choices": [choice], "usage": usage}).encode()


def guessed(answered: int) -> Usage:
    """An estimate at 4 characters a token: MESSAGES have 44."""
    return Usage(input_tokens=11, output_tokens=answered, estimated=True)


def read(reply: bytes) -> Answer:
    return answer_of(reply, MESSAGES, "asked")


@pytest.mark.parametrize(
    ("reply", "changes"),
    [
        (body(), {}),
        (body(finish=None, refusal=""), {}),
        (body(finish="length"), {"finish": "length"}),
        (body(None, "length"), {"content": "", "finish": "length"}),
        (body(reasoning_content="Hm."), {"reasoning": "Hm."}),
        (body(reasoning=["Hm."]), {}),
        (body("<think> Hm.\n</think>\n\nSo."), {"reasoning": "Hm."}),
        (body("<think>Hm.</think>So.", reasoning="Ah."), {"reasoning": "Ah."}),
        (body("<think>Hm.", "length"), {"content": "", "reasoning": "Hm.", "finish": "length"}),
        (BARE, {"model": "asked", "usage": guessed(0)}),
        (body(usage=None, reasoning="y" * 6), {"reasoning": "y" * 6, "usage": guessed(2)}),
        (body(usage={"prompt_tokens": 10}), {"usage": guessed(0)}),
        (body(usage={"prompt_tokens": "10", "completion_tokens": 5}), {"usage": guessed(0)}),
        (body(usage=[10, 5]), {"usage": guessed(0)}),
        (body(usage={**SERVED, "prompt_tokens_details": {"cached_tokens": None}}), {}),
    ],
)
def test_a_completion_is_an_answer(reply: bytes, changes: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"content": "So.", "model": "served", "usage": USED}
    assert read(reply) == Answer(**{**usual, **changes})


@pytest.mark.parametrize(
    ("reply", "error", "words", "usage"),
    [
        (b"<html>502</html>", Malformed, "<html>502</html>", None),
        (b'{"choices": [{"mess', Malformed, "the reply is no JSON", None),
        (b"null", Malformed, "the reply is no JSON object: null", None),
        (b'{"error": {"message": "busy"}}', Malformed, "an error came with status 200", None),
        (b'{"choices": {"0": 1}}', Malformed, "the reply has no choices", None),
        (b'{"choices": ["So."]}', Malformed, "the reply has no choices", None),
        (b'{"choices": [{"message": "So."}]}', Malformed, "choice has no message", None),
        (body(None, usage=None), Malformed, "the reply's content is NoneType, not text", None),
        (body([{"type": "text"}]), Malformed, "the reply's content is list, not text", USED),
        (body(" \n"), Malformed, "the reply's content is empty", USED),
        (body("<think>Hm."), Malformed, "the reply's content is empty", USED),
        (body("So.", "content_filter"), Rejected, "filtered: the provider's content", USED),
        (body("So.", "content_filter", None), Rejected, "filtered: ", guessed(0)),
        (body(None, refusal="I must not."), Rejected, "refused: I must not.", USED),
    ],
)
def test_a_failure_says_why_and_has_the_usage_that_may_be_billed(
    reply: bytes, error: type[Exception], words: str, usage: Usage | None
) -> None:
    with pytest.raises(error) as caught:
        read(reply)
    assert words in str(caught.value)
    assert isinstance(caught.value, (Malformed, Rejected))
    assert caught.value.usage == usage


NAMES = st.sampled_from(["choices", "message", "content", "usage", "error", "refusal", "model"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.builds(lambda choice: {"choices": [choice]}, JSON))
def test_whatever_a_server_says_is_an_answer_or_one_of_the_two_errors(reply: Any) -> None:
    try:
        assert read(json.dumps(reply).encode()).model
    except (Malformed, Rejected):
        pass


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("\n<thinking>Hm.</thinking>  So.", ("So.", "Hm.")),
        ("<think>a</think>b</think>c", ("b</think>c", "a")),
        (" <think> Hm.", ("", "Hm.")),
        ("<thinker>So.", ("<thinker>So.", "")),
    ],
)
def test_a_leading_block_of_thought_is_no_content(content: str, parts: tuple[str, str]) -> None:
    assert without_thinking(content) == parts


def test_an_unclosed_block_is_all_thought_whatever_its_name() -> None:
    assert without_thinking("<thinking>Hm.") == ("", "Hm.")


def test_an_excerpt_is_one_bounded_line_of_text() -> None:
    assert excerpt("é\n\t ".encode() * 500) == "é " * 100
    assert excerpt(b"\xff\xfe text") == "\ufffd\ufffd text"
