"""The OpenAI client against a scripted server: what it sends, what it reads, what it asks again,
when it gives up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stages.errors import Misconfigured, Rejected, Unavailable
from stages.inference import ChatRequest, Sampling
from stages.inference.client import OpenAIModel, Timeouts, open_session
from stages.inference.pool import UpstreamPool
from tests.support.clock import FakeClock
from tests.support.server import Reply, Script, said, serving

KEY = "sk-very-secret"
REQUEST = ChatRequest(
    model="m",
    messages=({"role": "user", "content": "Why?"},),
    sampling=Sampling(temperature=0.5, max_tokens=7, top_p=0.9),
)


@asynccontextmanager
async def model(
    replies: Sequence[Reply] | Callable[[dict[str, Any]], Reply],
    clock: FakeClock | None = None,
    **options: Any,
) -> AsyncIterator[tuple[OpenAIModel, Script]]:
    clock = clock or FakeClock()
    async with serving(replies) as script, open_session() as session:
        pool = UpstreamPool(
            urls=(script.url,),
            key=KEY,
            capacity=8,
            give_up_s=options.pop("give_up_s", 600.0),
            environment=clock.environment(),
        )
        yield (
            OpenAIModel(name="m", pool=pool, session=session, setting="models.main", **options),
            script,
        )


async def test_the_body_holds_what_was_asked_and_nothing_else() -> None:
    async with model([said("Because.")], extra_body={"min_p": 0.1}) as (client, script):
        await client.complete(REQUEST)
    assert script.asked == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Why?"}],
            "temperature": 0.5,
            "max_tokens": 7,
            "top_p": 0.9,
            "min_p": 0.1,
        }
    ]
    assert script.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_the_seed_is_sent_only_where_one_is_given() -> None:
    async with model([said("x")]) as (client, script):
        await client.complete(
            ChatRequest(model="m", messages=REQUEST.messages, sampling=REQUEST.sampling, seed=3)
        )
    assert script.asked[0]["seed"] == 3


async def test_usage_and_model_are_the_servers() -> None:
    async with model([said("x")]) as (client, _):
        answer = await client.complete(REQUEST)
    assert (answer.model, answer.usage.input_tokens, answer.usage.output_tokens) == (
        "scripted",
        10,
        5,
    )
    assert answer.usage.cached_tokens == 4
    assert not answer.usage.estimated


async def test_usage_that_the_server_does_not_give_is_estimated_and_says_so() -> None:
    body = {"choices": [{"message": {"content": "x" * 40}, "finish_reason": "stop"}]}
    async with model([Reply(body)]) as (client, _):
        answer = await client.complete(REQUEST)
    assert answer.usage.estimated
    assert answer.usage.output_tokens == 10


@pytest.mark.parametrize(
    ("reply", "content", "reasoning"),
    [
        (said("so", reasoning_content="hm"), "so", "hm"),
        (said("so", reasoning="hm"), "so", "hm"),
        (said("<think>hm</think>\n\nso"), "so", "hm"),
        (said("a <think> in the middle"), "a <think> in the middle", ""),
    ],
)
async def test_reasoning_is_kept_apart_from_content(
    reply: Reply, content: str, reasoning: str
) -> None:
    async with model([reply]) as (client, _):
        answer = await client.complete(REQUEST)
    assert (answer.content, answer.reasoning) == (content, reasoning)


async def test_an_answer_at_the_length_limit_is_an_answer_that_says_so() -> None:
    async with model([said("so far", finish="length")]) as (client, script):
        answer = await client.complete(REQUEST)
    assert (answer.content, answer.finish, len(script.asked)) == ("so far", "length", 1)


PASSING = {
    "overloaded": Reply({"error": {"message": "busy"}}, 503),
    "limited": Reply({"error": {"message": "slow down"}}, 429, {"Retry-After": "2"}),
    "limited until a date": Reply(
        {"error": {}},
        429,
        {"Retry-After": "Thu, 01 Jan 1970 00:00:09 GMT", "Date": "Thu, 01 Jan 1970 00:00:02 GMT"},
    ),
    "error with status 200": Reply({"error": {"message": "upstream failed"}}),
    "html": Reply("<html>502</html>", 502),
    "no json": Reply('{"choices": [{"mess'),
    "no choices": Reply({"choices": []}),
    "null": said(None),
    "empty": said("  "),
    "reset": Reply(reset=True),
}


async def test_a_date_to_wait_for_is_read_by_the_servers_own_clock() -> None:
    clock = FakeClock()
    async with model([PASSING["limited until a date"], said("now")], clock) as (client, _):
        await client.complete(REQUEST)
    assert 7.0 <= clock.now < 8.0


@pytest.mark.parametrize("name", sorted(PASSING))
async def test_what_may_pass_is_asked_again_with_the_same_body(name: str) -> None:
    async with model([PASSING[name], said("now")]) as (client, script):
        answer = await client.complete(REQUEST)
    assert answer.content == "now"
    assert script.asked[0] == script.asked[1]


async def test_retry_after_is_waited_out() -> None:
    clock = FakeClock()
    async with model([PASSING["limited"], said("now")], clock) as (client, _):
        await client.complete(REQUEST)
    assert 2.0 <= clock.now < 3.0


REFUSED = {
    "refused": Reply({"error": {"message": "bad request"}}, 400),
    "context": Reply({"error": {"message": "maximum context length is 4096 tokens"}}, 400),
    "filtered": Reply({"error": {"message": "violates our content policy"}}, 400),
}


@pytest.mark.parametrize("reason", sorted(REFUSED))
async def test_a_final_refusal_rejects_its_request_only(reason: str) -> None:
    async with model([REFUSED[reason], said("next")]) as (client, script):
        with pytest.raises(Rejected) as caught:
            await client.complete(REQUEST)
        assert caught.value.reason == reason
        assert (await client.complete(REQUEST)).content == "next"
    assert len(script.asked) == 2


async def test_a_filtered_answer_is_a_reject() -> None:
    async with model([said("", finish="content_filter")]) as (client, _):
        with pytest.raises(Rejected, match="filtered"):
            await client.complete(REQUEST)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_key_or_model_names_the_setting_and_never_the_key(status: int) -> None:
    async with model([Reply({"error": {"message": f"no: {KEY}"}}, status)]) as (client, _):
        with pytest.raises(Misconfigured) as caught:
            await client.complete(REQUEST)
    assert "models.main" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid model name passed in model=m",
        "The model `m` does not exist.",
        "Incorrect API key provided",
    ],
)
async def test_a_400_that_means_a_wrong_key_or_model_rejects_no_row(message: str) -> None:
    async with model([Reply({"error": {"message": message}}, 400)]) as (client, _):
        with pytest.raises(Misconfigured, match=r"models\.main"):
            await client.complete(REQUEST)


async def test_a_400_that_only_quotes_the_request_rejects_its_row() -> None:
    quoted = (
        "Input should be shorter than it is, and what was given, as far as it can be told, is: "
        "'def authentication(user): no such model'"
    )
    async with model([Reply({"error": {"message": quoted + " " * 90 + quoted}}, 400)]) as (
        client,
        _,
    ):
        with pytest.raises(Rejected, match="refused"):
            await client.complete(REQUEST)


async def test_a_server_that_says_it_is_full_is_asked_more_slowly_and_no_row_gives_up() -> None:
    full = Reply({"error": {"type": "overloaded_error"}}, 503, {"Retry-After": "1"})
    async with model([said("first"), *[full] * 9, said("at last")], attempts=2) as (client, _):
        await client.complete(REQUEST)
        assert (await client.complete(REQUEST)).content == "at last"
    assert client.pool.upstreams[0].limited == 9


async def test_a_request_that_fails_alone_gives_up() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        poison = body["messages"][0]["content"] == "poison"
        return Reply({"error": {"message": "boom"}}, 500) if poison else said("fine")

    async with model(reply, attempts=3) as (client, script):
        await client.complete(REQUEST)
        with pytest.raises(Rejected, match="gave_up"):
            await client.complete(
                ChatRequest(
                    model="m",
                    messages=({"role": "user", "content": "poison"},),
                    sampling=Sampling(),
                )
            )
    assert len(script.asked) == 1 + 3


async def test_an_endpoint_that_serves_nobody_stops_the_run_and_rejects_nothing() -> None:
    async with model([Reply({}, 503)], give_up_s=100.0, attempts=2) as (client, script):
        with pytest.raises(Unavailable, match="give_up_s"):
            await client.complete(REQUEST)
    assert len(script.asked) > 2


async def test_a_429_is_never_held_against_the_request() -> None:
    replies = [said("first"), *[PASSING["limited"]] * 5, said("at last")]
    async with model(replies, attempts=2) as (client, _):
        await client.complete(REQUEST)
        assert (await client.complete(REQUEST)).content == "at last"


async def test_a_request_without_an_answer_times_out_and_is_asked_again() -> None:
    async with model([Reply(hang=True), said("now")], timeouts=Timeouts(0.05)) as (client, _):
        assert (await client.complete(REQUEST)).content == "now"


async def test_requests_are_spread_over_several_addresses_and_a_dead_one_costs_no_row() -> None:
    clock = FakeClock()
    async with (
        serving([said("one")]) as one,
        serving([said("two")]) as two,
        open_session() as session,
    ):
        urls = (one.url, "http://127.0.0.1:9/v1", two.url)
        pool = UpstreamPool(urls=urls, key=KEY, capacity=8, environment=clock.environment())
        client = OpenAIModel(name="m", pool=pool, session=session, setting="models.main")
        for _ in range(3):
            await asyncio.gather(*[client.complete(REQUEST) for _ in range(8)])
    assert len(one.asked) + len(two.asked) == 24
    assert min(len(one.asked), len(two.asked)) >= 6


async def test_a_failure_after_a_long_quiet_time_is_asked_again() -> None:
    clock = FakeClock()
    async with model(
        [said("first"), PASSING["overloaded"], said("again")], clock, give_up_s=100.0
    ) as (client, _):
        await client.complete(REQUEST)
        await clock.sleep(1000.0)
        assert (await client.complete(REQUEST)).content == "again"
