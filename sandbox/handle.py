"""One zygote as the pool sees it: a process behind a socket that takes one job at a time."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

from sandbox import view
from sandbox.errors import IsolationMissing, SandboxError
from sandbox.guest.control import HEAD_BYTES
from sandbox.jobs import LARGE_BYTES, Frame
from sandbox.levels import GUEST, Level
from sandbox.records import Guest

START_S = 120.0
"""How long a zygote may be silent before it is ready. It imports heavy packages in that time."""
LEAVE_S = 2.0
"""How long a zygote may take to leave by itself."""
END_S = 10.0
"""How long launcher and zygote may take to be gone after SIGKILL."""
CHUNK_BYTES = 1 << 18
USERS = 60_000
"""Where we are root, the jobs of the zygote in slot i run as the user with this number plus i.

No distribution gives numbers from here on to people.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Which jobs a zygote can take: its imported packages, and the seed of its string hashes."""

    preload: tuple[str, ...] = ()
    hash_seed: int = 0


class ZygoteHandle:
    """A zygote, from its start to its end.

    The constructor starts it, and `prepare` waits until it is ready. `attend` gives it a job.
    `kill` ends it with all that it runs, and `ended` waits for that.
    """

    def __init__(self, level: Level, guest: Guest, kind: Kind, slot: int) -> None:
        """Starts the launcher. Raises: SandboxError."""
        self.kind = kind
        self.slot = slot
        self.jobs = 0
        self.large = False
        self.missing: dict[str, str] = {}
        self.whole = True
        """The last job was sent to its end, so that the zygote can read another frame."""
        self._folder = "" if level.own_root else own_folder()
        self._buffer = bytearray()
        self._gone = asyncio.Event()
        self._reading = False
        self._process: subprocess.Popen[bytes]
        self._socket: socket.socket
        scratch = self._folder or view.scratch((*guest.view, str(GUEST)))
        self._launch(level, guest, scratch)
        self._plan: dict[str, Any] = {
            "namespaces": level.namespaces,
            "landlock": level.landlock,
            "seccomp": level.seccomp,
            "own_root": level.own_root,
            "prefix": level.prefix,
            "python": guest.python,
            "path": guest.path,
            "view": guest.view,
            "base": view.base(guest.view) if level.namespaces else "",
            "scratch": scratch,
            "uid": USERS + slot,
            "preload": kind.preload,
            "environment": environment(kind, scratch),
        }

    def _launch(self, level: Level, guest: Guest, scratch: str) -> None:
        """Executes the launcher with an environment of its own and one inherited descriptor."""
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        command = level.command(guest, theirs.fileno(), scratch)
        try:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                env=environment(self.kind, scratch),
                close_fds=True,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            self._socket.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SandboxError(f"no process could be started for a zygote: {exc}") from exc
        finally:
            theirs.close()

    async def prepare(self) -> None:
        """Returns once the zygote is ready.

        Raises: IsolationMissing when the level cannot be had, SandboxError.
        """
        try:
            await self._send(b"P", json.dumps(self._plan).encode())
            kind, body = await self._receive(START_S)
        except SandboxError as exc:
            raise SandboxError(f"{exc} {self._complaint()}".strip()) from exc
        finally:
            assert self._process.stderr is not None
            self._process.stderr.close()
        if kind != b"R":
            raise IsolationMissing(body["reason"])
        self.missing = body["missing"]

    def _complaint(self) -> str:
        """What a launcher that could not start has written to stderr."""
        assert self._process.stderr is not None
        # A launcher that has not ended keeps its end of the pipe open, and would block the loop.
        os.set_blocking(self._process.stderr.fileno(), False)
        said = self._process.stderr.read(1 << 16) or b""
        return said.decode("utf-8", "replace").strip()[-300:]

    async def attend(self, message: bytes, silence_s: float) -> list[Frame]:
        """Sends a job and collects its frames, the last one included.

        silence_s: seconds without a frame after which the zygote counts as lost. A zygote sends
        heartbeats while a job runs.
        Raises: SandboxError when the zygote is lost.
        """
        self.jobs += 1
        self.large |= len(message) > LARGE_BYTES
        # A cancel while the message is sent leaves half of a frame behind. The zygote would read
        # whatever came next as the rest of it.
        self.whole = False
        await self._send(b"J", message)
        self.whole = True
        return await self._collect(silence_s)

    async def cancel(self, silence_s: float) -> None:
        """Has the running job killed, and returns once the zygote is ready for another.

        Raises: SandboxError when the zygote is lost.
        """
        await self._send(b"C", b"")
        await self._collect(silence_s)

    async def _collect(self, silence_s: float) -> list[Frame]:
        """The frames of one job but its heartbeats, up to the E that ends it."""
        frames: list[Frame] = []
        while not frames or frames[-1][0] != b"E":
            frame = await self._receive(silence_s)
            if frame[0] == b"N":
                raise SandboxError(f"a zygote of the sandbox failed: {frame[1].get('reason')}")
            if frame[0] != b"B":
                frames.append(frame)
        return frames

    async def _send(self, kind: bytes, body: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(
                self._socket, kind + b"%08x" % len(body) + body
            )
        except OSError as exc:
            raise SandboxError(f"a zygote of the sandbox has gone: {exc}") from exc

    async def _receive(self, silence_s: float) -> Frame:
        """The next frame. Raises: SandboxError after `silence_s` without a byte, or at the end."""
        while not self._framed():
            self._reading = True
            try:
                async with asyncio.timeout(silence_s):
                    chunk = await asyncio.get_running_loop().sock_recv(self._socket, CHUNK_BYTES)
            except TimeoutError:
                raise SandboxError(
                    f"a zygote of the sandbox was silent for {silence_s:g} s"
                ) from None
            except OSError as exc:
                raise SandboxError(f"a zygote of the sandbox has gone: {exc}") from exc
            finally:
                self._reading = False
            if not chunk:
                self._gone.set()
                raise SandboxError("a zygote of the sandbox ended")
            self._buffer += chunk
        end = HEAD_BYTES + int(self._buffer[1:HEAD_BYTES], 16)
        kind, body = bytes(self._buffer[:1]), bytes(self._buffer[HEAD_BYTES:end])
        del self._buffer[:end]
        return kind, parsed(body)

    def _framed(self) -> bool:
        head = self._buffer[1:HEAD_BYTES]
        return len(head) == HEAD_BYTES - 1 and len(self._buffer) >= HEAD_BYTES + int(head, 16)

    def kill(self, *, at_once: bool = False) -> None:
        """Has the zygote kill its job and leave. `ended` waits for that.

        at_once: whether it is killed without being asked, since it may hang.
        """
        # The end of the stream is the zygote's order to leave. Unlike SIGKILL it lets the zygote
        # remove its temporary folder.
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has gone already
        if at_once:
            self._kill_group()

    def _kill_group(self) -> None:
        """Kills the launcher and its zygote. The zygote's job dies with it."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # both have gone

    async def ended(self) -> None:
        """Returns once nothing of a killed zygote is left, or END_S after SIGKILL."""
        if not await self._leaves(LEAVE_S):
            self._kill_group()
            await self._leaves(END_S)
        self._socket.close()
        await asyncio.to_thread(self._process.wait)
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _leaves(self, within_s: float) -> bool:
        """Whether launcher and zygote have gone within so many seconds."""
        try:
            async with asyncio.timeout(within_s):
                while not self._gone.is_set():
                    await self._listen()
            await asyncio.to_thread(self._process.wait, within_s)
        except (TimeoutError, subprocess.TimeoutExpired):
            return False
        except OSError:
            self._gone.set()
        return True

    async def _listen(self) -> None:
        """Waits for the end of the stream, and drops what comes before it."""
        # An event loop takes one reader for a descriptor. While a job's caller still reads, that
        # caller meets the end of the stream and sets the event.
        if self._reading:
            await self._gone.wait()
        elif not await asyncio.get_running_loop().sock_recv(self._socket, CHUNK_BYTES):
            self._gone.set()

    @property
    def pid(self) -> int:
        return self._process.pid


def own_folder() -> str:
    """A new temporary folder for a zygote without a root of its own. Raises: SandboxError."""
    try:
        return tempfile.mkdtemp(prefix="sandbox-")
    except OSError as exc:
        raise SandboxError(f"no temporary folder for the sandbox: {exc}") from exc


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object that a job's process or the zygote wrote.

    Anything else becomes an empty object, which lacks a status and so counts as malformed.
    """
    try:
        found = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def environment(kind: Kind, folder: str) -> dict[str, str]:
    """All environment variables of a job. folder: its temporary folder, as it sees it."""
    # The numeric libraries get one thread each: a job's CPU time then does not depend on the cores.
    return {
        "PYTHONHASHSEED": str(kind.hash_seed),
        "PYTHONUTF8": "1",
        "TZ": "UTC",
        "HOME": folder,
        "TMPDIR": folder,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
