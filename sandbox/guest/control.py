"""Frames between the pool and a zygote, over one stream socket.

A frame is a kind (one byte), eight hex digits of length, and a body.

To the zygote: P what to build, J job, C cancel. The body of a J is a line of JSON for the zygote,
then JSON for the job's process.

From the zygote: R ready, N what it cannot do, X what ended a call, B heartbeat, E end of the job.
F and C are the harness's own. A C becomes a W where the call was blocked for more than half of its
limit.
"""

from __future__ import annotations

import json
import os
from typing import Any

HEAD_BYTES = 9
CHUNK_BYTES = 1 << 16


class Closed(Exception):
    """The other side has gone."""


class Control:
    """Blocking reads and writes on the socket's descriptor.

    By read(2) and write(2): the zygote's filter refuses some of the calls that a socket object
    makes.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = b""
        self.waiting = bytearray()

    def put(self, kind: bytes, body: bytes = b"") -> None:
        """Sends a frame together with the next ones, which saves the pool from waking for each.

        Raises: Closed.
        """
        self.waiting += kind + b"%08x" % len(body) + body
        if len(self.waiting) > CHUNK_BYTES:
            self.send()

    def send(self, kind: bytes = b"", body: bytes = b"") -> None:
        """Sends a frame, if one is given, and all that waits. Raises: Closed."""
        if kind:
            self.waiting += kind + b"%08x" % len(body) + body
        view, self.waiting = memoryview(bytes(self.waiting)), bytearray()
        try:
            while view:
                view = view[os.write(self.fd, view) :]
        except OSError:
            raise Closed from None

    def send_json(self, kind: bytes, **body: Any) -> None:
        """Sends a frame whose body is a JSON object, and all that waits. Raises: Closed."""
        self.send(kind, json.dumps(body).encode())

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame (kind, body). Raises: Closed."""
        while True:
            frame = self.pop_frame()
            if frame:
                return frame
            self.fill()

    def fill(self) -> None:
        """Reads what is there, and blocks if nothing is. Raises: Closed."""
        try:
            chunk = os.read(self.fd, CHUNK_BYTES)
        except OSError:
            chunk = b""
        if not chunk:
            raise Closed
        self.buffer += chunk

    def pop_frame(self) -> tuple[bytes, bytes] | None:
        """A whole frame (kind, body) from what has been read, if there is one."""
        if len(self.buffer) < HEAD_BYTES:
            return None
        end = HEAD_BYTES + int(self.buffer[1:HEAD_BYTES], 16)
        if len(self.buffer) < end:
            return None
        frame = self.buffer[:1], self.buffer[HEAD_BYTES:end]
        self.buffer = self.buffer[end:]
        return frame
