"""Reads a child's output line by line, whatever it writes."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Self

CHUNK_BYTES = 65_536
LONGEST_LINE_BYTES = 1_048_576
"""A longer line is cut here, so that a child cannot fill our memory."""


class LinePipe:
    """A pipe whose writing end is a child's standard output and standard error."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport, write_end: int) -> None:
        self._reader = reader
        self._transport = transport
        self.write_end = write_end

    @classmethod
    async def open(cls) -> Self:
        """Make the pipe. Call `hand_over` once the child has its end."""
        read_end, write_end = os.pipe()
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        return cls(reader, transport, write_end)

    def hand_over(self) -> None:
        """Close our copy of the writing end, so that the pipe ends with the last process that writes to it."""
        os.close(self.write_end)

    async def lines(self) -> AsyncIterator[str]:
        """Yield each line without its end; undecodable bytes are replaced, empty lines left out."""
        rest = b""
        while chunk := await self._reader.read(CHUNK_BYTES):
            *complete, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE_BYTES:
                complete, rest = [*complete, rest], b""
            for line in complete:
                if text := _text(line):
                    yield text
        if text := _text(rest):
            yield text

    def close(self) -> None:
        """Stop reading, though a grandchild may still hold the other end."""
        self._transport.close()


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
