"""A proxy that cuts connections after so many bytes of the answer, wherever that is."""

import asyncio
import sys
import time
from collections import deque
from typing import Any

from tests.chaos.proxies import CHUNK, Proxy


class Cutter(Proxy):
    """`budgets`: how many bytes of its answers the next connections may bring; those after them pass whole."""

    def __init__(self, name: str, target: int) -> None:
        super().__init__(name, target)
        self.budgets: deque[int] = deque()
        self.brought = 0
        """How many bytes of answers have passed."""
        self._brought_at = time.monotonic()

    @property
    def quiet_seconds(self) -> float:
        """How long no byte of an answer has passed."""
        return time.monotonic() - self._brought_at

    @property
    def is_busy(self) -> bool:
        """Whether a connection passes through it."""
        return bool(self._writers)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, thawed: asyncio.Event) -> None:
        local: Any = writer.get_extra_info("sockname")
        if local[1] != self.port:
            return await super()._pass(reader, writer, thawed)
        left = self.budgets.popleft() if self.budgets else sys.maxsize
        while left > 0 and (data := await reader.read(min(CHUNK, left))):
            await thawed.wait()
            writer.write(data)
            await writer.drain()
            left -= len(data)
            self.brought += len(data)
            self._brought_at = time.monotonic()
        writer.close()
        raise ConnectionResetError
