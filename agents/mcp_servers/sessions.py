"""One session with one server, shared by all calls of a process.

It lives in an asyncio task of its own, because anyio's scopes, which the mcp package uses, are to be left by the task that
entered them. Calls only exchange messages with it.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from contextvars import Context

from django.conf import settings
from mcp import Client
from mcp.client.session import ClientSession
from mcp_types import Implementation

from agentplatform import __version__
from agentplatform.logs import log
from agents.mcp_servers import listing, opening
from agents.mcp_servers.opening import CannotConnect
from agents.mcp_servers.spec import ServerSpec
from agents.toolsets.listing import Listed

US = Implementation(name="agentplatform", version=__version__)
LOOKED_AFTER_SECONDS = 1.0
LISTED_EVERY_SECONDS = 60.0
MOST_UNANSWERED = 3


class Session:
    """A session from its opening to its end. Once it `is_over` it takes no more calls; `fault` says why, where it failed."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        self.fault: CannotConnect | None = None
        self.is_over = False
        self.was_open = False
        self.is_reported = False
        self.ended_at = 0.0
        self.tools: Mapping[str, Listed] = {}
        """What the server listed not long ago, by its own names."""
        self._client: ClientSession | None = None
        self._calls = 0
        self._unanswered = 0
        self._used_at = self._listed_at = time.monotonic()
        self._opened = asyncio.Event()
        self._leave = asyncio.Event()
        # Of no task, though one of them is the first to use it.
        self._task = asyncio.create_task(self._run(), name=f"mcp session {spec.name}", context=Context())

    async def opened(self) -> None:
        """Wait until it is open. Raises CannotConnect."""
        await self._opened.wait()
        if self.fault is not None:
            raise self.fault

    @contextlib.contextmanager
    def used(self) -> Iterator[ClientSession]:
        """The way to the server for one call. Raises CannotConnect when the session has just ended."""
        if self._client is None:
            raise CannotConnect("the session with it has just ended")
        self._calls += 1
        try:
            yield self._client
        finally:
            self._calls -= 1
            self._used_at = time.monotonic()
            if self.is_over and not self._calls:
                self._leave.set()

    async def refresh(self) -> None:
        """Ask for the tools again once a minute: a server may change while a session lasts."""
        if time.monotonic() - self._listed_at > LISTED_EVERY_SECONDS:
            with self.used() as client:
                await self._list(client)

    def count(self, *, is_answered: bool) -> None:
        """Take note how a call ended. After a few in a row without an answer the session is closed, and what hangs is ended."""
        self._unanswered = 0 if is_answered else self._unanswered + 1
        if self._unanswered >= MOST_UNANSWERED:
            self.close()

    def close(self) -> None:
        """Take no more calls, and end when those under way have."""
        self.is_over = True
        if not self._calls:
            self._leave.set()

    async def closed(self) -> None:
        """Close it and wait for its end."""
        self.close()
        await asyncio.wait({self._task})

    async def _list(self, client: ClientSession) -> None:
        self._listed_at = time.monotonic()  # first: calls at the same time go on with what there is
        self.tools = {tool.remote_name: tool for tool in await listing.tools_of(client)}
        self.is_reported = False

    async def _run(self) -> None:
        try:
            await self._held()
        except Exception as error:  # noqa: BLE001 - a server may fail in any way, and so may what talks to it
            self.fault = opening.fault_of(error, self.spec)
            log(__name__).warning("mcp_session_failed", server=self.spec.name, reason=str(self.fault))
        finally:
            self.is_over, self.ended_at, self._client = True, time.monotonic(), None
            self._opened.set()

    async def _held(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            # asyncio's time-out: a scope of anyio's could not end before those that are entered within it.
            async with asyncio.timeout(self.spec.connect_seconds):
                way = opening.connected(self.spec, on_lost=self._leave.set)
                client = await stack.enter_async_context(Client(way, cache=None, client_info=US))
                await self._list(client.session)
            self._client, self.was_open = client.session, True
            self._used_at = time.monotonic()
            self._opened.set()
            while not self._leave.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOKED_AFTER_SECONDS):
                        await self._leave.wait()
                if not self._calls and time.monotonic() - self._used_at > settings.MCP_IDLE_SECONDS:
                    self.close()
            self.is_over = True
