"""The stand-in server of ../shared, where it is there: real files, recorded programs, a ledger."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
RAW = SHARED / "data" / "rawcode.jsonl"
PARSED = SHARED / "data" / "parsed.jsonl"
needs_shared = pytest.mark.skipif(
    not RAW.exists(), reason="needs the real files and the stand-in server in ../shared"
)


@contextmanager
def standin(*options: str) -> Iterator[str]:
    """Starts the server on a free port of loopback; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(SHARED / "standin" / "server.py"), "--port", str(port), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/stats", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                raise RuntimeError("the stand-in server ended before it answered") from None
    raise RuntimeError("the stand-in server did not come up")
