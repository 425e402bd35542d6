"""Talking to a server over the pipes of a child process: one JSON message a line, none longer than allowed.

The mcp package has this, too, without bounds: a line of any length is gathered there.
"""

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCNotification, jsonrpc_message_adapter

from agents.mcp_servers.bounds import MAX_MESSAGE_BYTES, MOST_BYTES_PASSED_OVER, MOST_LINES_UNASKED, TOO_LONG

CHILD = Path(__file__).with_name("child.py")
CHUNK_BYTES = 64 * 1024
KEPT_OF_ERRORS_BYTES = 2048
PATIENCE_SECONDS = 1.0
WATCHED_EVERY_SECONDS = 0.5
# Its own environment has all secrets of the platform.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
ID = re.compile(rb'"id"\s*:\s*(\d{1,15})\b')
HEAD_BYTES = 256

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class Endless(Exception):
    """A line that does not end."""


class Child:
    """A server's process. It `is_over` when it writes no more; what it complained of is in `complaint`."""

    def __init__(self, process: asyncio.subprocess.Process, on_over: Callable[[], None]) -> None:
        self.is_over = False
        self._process = process
        self._on_over = on_over
        self._errors = b""
        self._unasked = 0

    @classmethod
    async def started(cls, command: str, environment: Mapping[str, str], *, on_over: Callable[[], None]) -> "Child":
        """Start the command, which ends with this process at the latest. `on_over` is called when it writes no more."""
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), *shlex.split(command),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**kept, **environment}, cwd="/", start_new_session=True,
        )  # fmt: skip
        return cls(process, on_over)

    @property
    def complaint(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._errors.decode(errors="replace").strip()

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Streams]:
        """The messages from and to the server, for the block; after it the process has ended."""
        to_us, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_server, from_us = anyio.create_memory_object_stream[SessionMessage](0)
        parts = (self._read(to_us), self._write(from_us, to_us), self._read_errors(), self._watch())
        work = [asyncio.create_task(part) for part in parts]
        try:
            yield from_server, to_server
        finally:
            for stream in (from_server, to_server, to_us, from_us):
                stream.close()
            await asyncio.shield(asyncio.ensure_future(self._stop(work)))

    async def _read(self, to_us: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        assert self._process.stdout
        lines = Lines()
        try:
            while chunk := await self._process.stdout.read(CHUNK_BYTES):
                for message in lines.messages(chunk):
                    self._unasked += 1
                    if self._unasked > MOST_LINES_UNASKED:
                        return
                    if message is not None:
                        await to_us.send(message)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError, Endless):
            pass
        finally:
            self.is_over = True
            to_us.close()
            self._on_over()

    async def _write(
        self,
        from_us: MemoryObjectReceiveStream[SessionMessage],
        to_us: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        assert self._process.stdin
        try:
            async for sent in from_us:
                self._unasked = 0
                line = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._process.stdin.write(line.encode() + b"\n")
                await self._process.stdin.drain()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
            to_us.close()  # whoever waits for an answer is told that none will come

    async def _watch(self) -> None:
        """See that the process ends: a descendant that lives on would hold its pipes open, and is ended as well."""
        while self._process.returncode is None:  # noqa: ASYNC110  # its own `wait` waits for the pipes as well
            await asyncio.sleep(WATCHED_EVERY_SECONDS)
        self._signal(signal.SIGKILL)

    async def _read_errors(self) -> None:
        assert self._process.stderr
        while chunk := await self._process.stderr.read(CHUNK_BYTES):
            self._errors = (self._errors + chunk)[-KEPT_OF_ERRORS_BYTES:]

    async def _stop(self, work: list["asyncio.Task[None]"]) -> None:
        """Close its input, then ask, then force; with it all that it started."""
        assert self._process.stdin
        self._process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._process.wait()
                    break
            if number:
                self._signal(number)
        self._signal(signal.SIGKILL)
        for part in work:
            part.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        # A descendant that lives on may hold the pipes; nothing public closes our ends of them.
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class Lines:
    """Messages from chunks of text. A line that is too long is passed over; the call that it answers is told.

    Notifications and lines that are no messages come out as None: nothing here needs the first, and the second may be logs.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._passed_over = 0

    def messages(self, chunk: bytes) -> list[SessionMessage | None]:
        """The lines that are complete with this chunk. Raises Endless."""
        *ended, rest = chunk.split(b"\n")
        found = []
        for part in ended:
            self._take(part)
            found.append(self._ended())
        self._take(rest)
        return found

    def _take(self, part: bytes) -> None:
        room = MAX_MESSAGE_BYTES - len(self._line)
        self._line += part[:room]
        self._passed_over += max(0, len(part) - room)
        if self._passed_over > MOST_BYTES_PASSED_OVER:
            raise Endless

    def _ended(self) -> SessionMessage | None:
        line, passed_over = bytes(self._line), self._passed_over
        self._line.clear()
        self._passed_over = 0
        if passed_over:
            return _refused(line[:HEAD_BYTES])
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            return None
        return None if isinstance(message, JSONRPCNotification) else SessionMessage(message)


def _refused(head: bytes) -> SessionMessage | None:
    """For the call that a message answers: that it was too long. Its id stands at the beginning, as everybody writes it."""
    if match := ID.search(head):
        error = ErrorData(code=INTERNAL_ERROR, message=TOO_LONG)
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(match[1]), error=error))
    return None
