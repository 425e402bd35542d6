"""A TCP proxy that can freeze: connections stay open and nothing passes, as with a peer that lost its power or its network."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

from agentplatform.embedded.ports import LOOPBACK, free_port

CHUNK = 64 * 1024
P = TypeVar("P", bound="Proxy")


class Proxy:
    """Listens on a port of its own and passes everything on to another, while it is not frozen."""

    def __init__(self, name: str, target: int) -> None:
        self.name = name
        self.target = target
        self.port = 0
        self.url = ""
        """Where `proxied` has it listen."""
        self.taken = 0
        """How many connections were made to it."""
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen on this port of the loopback."""
        self.port = port
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port)

    async def stop(self) -> None:
        """Close everything."""
        self._thawed.set()
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._serving:
            task.cancel()

    def soon(self, do: Callable[[], object]) -> None:
        """Have one of its methods called on its own loop; for other threads."""
        assert self._server is not None
        self._server.get_loop().call_soon_threadsafe(do)

    def freeze(self, *, is_new_spared: bool = False) -> None:
        """Let nothing pass any more, in either direction; new connections are taken and hang as well.

        With `is_new_spared` they pass, and those of today are dead for good, as when a firewall forgot them.
        """
        self._thawed.clear()
        if is_new_spared:
            self._thawed = asyncio.Event()
            self._thawed.set()

    def thaw(self, *, is_cut: bool) -> None:
        """Let everything pass again: what waited, or with `is_cut` only what comes over new connections."""
        if is_cut:
            self.cut()
        self._thawed.set()

    def cut(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.taken += 1
        self._writers.add(writer)
        ours: set[asyncio.StreamWriter] = {writer}
        thawed = self._thawed
        try:
            await thawed.wait()
            there, away = await asyncio.open_connection(LOOPBACK, self.target)
            ours.add(away)
            self._writers.add(away)
            await asyncio.gather(self._pass(reader, away, thawed), self._pass(there, writer, thawed))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in ours:
                self._writers.discard(each)
                each.transport.abort()
            self._serving.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, thawed: asyncio.Event) -> None:
        while data := await reader.read(CHUNK):
            await thawed.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


@contextlib.contextmanager
def proxied(url: str, kind: Callable[[str, int], P]) -> Iterator[P]:
    """Have a proxy to that address for the block, on a loop in a thread of its own."""
    address, loop = urlsplit(url), asyncio.new_event_loop()
    assert address.port is not None
    proxy, port = kind(address.scheme, address.port), free_port()
    proxy.url = address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{port}").geturl().rstrip("/")
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(port), loop).result()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
