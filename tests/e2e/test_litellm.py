"""A server that this project did not write: LiteLLM's proxy with mock answers, on loopback, with
nothing behind it.

Its executable is what the environment variable LITELLM names, or `litellm` on the path; .ci/run
installs it in an environment of its own.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import BadInput, Config
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import finished, rows, samples, settings, write_rows

LITELLM = os.environ.get("LITELLM") or shutil.which("litellm") or ""
pytestmark = pytest.mark.skipif(
    not LITELLM, reason="needs LiteLLM's proxy: LITELLM=<its executable>, or on the path"
)

KEY = "sk-the-right-one"
UP_WITHIN_S = 120.0
THOUGHT = {
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": '{"output": 5}',
                "reasoning_content": "Count.",
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "total_tokens": 107,
        "prompt_tokens_details": {"cached_tokens": 64},
    },
}


def deployment(model: str, answer: Any, **more: Any) -> dict[str, Any]:
    """One entry of the proxy's list of models; of several with one name it draws by weight."""
    return {
        "model_name": model,
        "litellm_params": {
            "model": "openai/whatever",
            "api_key": "none",
            "mock_response": answer,
            **more,
        },
    }


SERVED = {
    "model_list": [
        deployment("author", reply_of(SECTIONS)),
        deployment("solver", THOUGHT),
        deployment("unsteady", "litellm.RateLimitError", weight=10**12),
        deployment("unsteady", "litellm.InternalServerError", weight=10**6),
        deployment("unsteady", "fine", weight=1),
        deployment("overlong", "litellm.ContextWindowExceededError"),
        deployment("filtered", "Exception: content_filter_policy"),
    ],
    "general_settings": {"master_key": KEY, "enable_jwt_auth": True},
    # a deployment that has failed once is left out for the rest of the test, and its failure is the
    # client's to see
    "router_settings": {"num_retries": 0, "allowed_fails": 0, "cooldown_time": 3600},
}


@contextmanager
def proxy(folder: Path) -> Iterator[str]:
    """Starts the proxy on a free port of loopback; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yaml").write_text(json.dumps(SERVED))  # JSON is YAML
    # of this environment nothing but the path: no key, database, .env file or option of another
    # proxy; no look-ups
    quiet = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_BLOG_POSTS": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    }
    command = [
        str(Path(LITELLM).absolute()),
        "--config",
        "config.yaml",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **quiet},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health/liveliness", server, folder / "log")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()
            server.wait()


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                raise RuntimeError(
                    f"the proxy ended before it answered: {log.read_text()[-2000:]}"
                ) from None
            time.sleep(0.1)
    raise RuntimeError(f"the proxy did not come up: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with proxy(tmp_path_factory.mktemp("litellm")) as address:
        yield address


def against(
    base: Path, url: str, *, transform: str, inference: str = "", files: int = 1, **sections: Any
) -> Config:
    """A run over some files. transform, inference: names of models at the proxy; without the second
    it ends there."""
    write_rows(
        base / "rows.jsonl", *[{"content": f"def real(): {number}"} for number in range(files)]
    )
    names = {"transform": transform, "inference": inference or transform}
    models = {
        role: {"base_url": url, "model": name, "api_key_env": "THE_KEY"}
        for role, name in names.items()
    }
    return settings(
        base,
        models=models,
        source={"path": "rows.jsonl"},
        output={"until": "samples" if inference else "unified"},
        **{role: {"model": role} for role in names},
        **sections,
    )


async def test_a_run_over_a_real_proxy_ends_with_rows_that_carry_its_models_and_its_usage(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    prediction = {"pairs": 2, "directions": ["output"]}
    report = await finished(
        against(
            tmp_path,
            url,
            transform="author",
            inference="solver",
            prediction=prediction,
            revision={"turns": 1},
        )
    )
    assert report["source"] == {"read": 1, "finished": 1, "rejected": {}, "live": 0}
    spent = report["spending"]["models"]
    assert {name: (row["calls"], row["estimated"]) for name, row in spent.items()} == {
        "author": (1, 0),
        "solver": (2, 0),
    }
    (program,) = rows(tmp_path / "out" / "programs.jsonl")
    assert program["transform"]["model"] == "author"
    assert program["transform"]["usage"]["estimated"] is False
    assert program["transform"]["usage"]["output_tokens"] > 0
    found = list(samples(tmp_path / "out").values())
    assert [row["turn_1"] for row in found] == ['{"output": 5}'] * 2
    for row in found:
        (turn,) = row["meta"]["turns"]
        assert (turn["model"], turn["answer"], turn["finish_reason"]) == ("solver", "5", "stop")
        usage = turn["usage"]
        assert (usage["input_tokens"], usage["output_tokens"], usage["cached_tokens"]) == (
            100,
            7,
            64,
        )
        assert usage["estimated"] is False


@pytest.mark.parametrize(
    ("model", "key", "setting"),
    [
        pytest.param(
            "author", "like.a.token", "models.transform.api_key_env", id="403"
        ),  # tokens need a licence there
        pytest.param(
            "author", "sk-a-wrong-one", "models.transform.api_key_env", id="no_db_connection"
        ),  # a 400
        pytest.param("nobody", KEY, "models.transform", id="no_such_model"),  # a 400
    ],
)
async def test_a_wrong_key_or_model_at_a_real_proxy_names_the_setting_and_never_the_key(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, key: str, setting: str
) -> None:
    monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(BadInput) as caught:
        await finished(against(tmp_path, url, transform=model, files=4))
    assert setting in str(caught.value)
    assert key not in str(caught.value)
    assert rows(tmp_path / "out" / "rejects.jsonl") == []
    for path in (tmp_path / "out").iterdir():
        assert key.encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("model", "rejected", "statuses"),
    [
        ("unsteady", {}, ["status 429", "status 500"]),
        ("overlong", {"context": 4}, []),
        ("filtered", {"filtered": 4}, []),
    ],
)
async def test_a_failure_of_a_real_proxy_is_asked_again_or_rejects_its_row_as_it_should(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    model: str,
    rejected: dict[str, int],
    statuses: list[str],
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    report = await finished(against(tmp_path, url, transform=model, files=4))
    assert report["source"] == {
        "read": 4,
        "finished": 4 - sum(rejected.values()),
        "rejected": rejected,
        "live": 0,
    }
    warned = [
        record.getMessage() for record in caplog.records if "asking again" in record.getMessage()
    ]
    assert [
        status for status in ("status 429", "status 500") if any(status in line for line in warned)
    ] == statuses
