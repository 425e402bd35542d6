"""Talking to a server over streamable HTTP: the mcp package's transport, on the platform's own way out (`agents/egress/`).

A request that fails is answered here, as an error in JSON-RPC's form, so that it fails alone: an exception would end the whole
session. No stream of the server's own is opened, for nothing is asked of it beyond its answers.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import aiohttp
import httpx2
import orjson
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED

from agents.egress import client as egress
from agents.egress.errors import EgressError, Refused, Unusable
from agents.mcp_servers.bounds import BROKEN_OFF, MAX_MESSAGE_BYTES, MAX_STREAM_BYTES, OURS, TOO_LONG

CONNECT_SECONDS = 10.0
CHUNK_BYTES = 64 * 1024
NO_ENCODING = "identity"
ENCODED = "its answer is compressed, which it was asked not to do"
# Their bodies are for people. Other errors may tell, in JSON-RPC, what is wrong with a message.
REFUSALS = (401, 403, 407, 429)
EVENTS = "text/event-stream"
# What the connection says by itself.
LEFT_OUT = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}


class Unreadable(httpx2.StreamError):
    """The body of an answer cannot be read to its end. The message says why."""


class Outward(httpx2.AsyncBaseTransport):
    """Requests by the platform's way out, whose answers have an end and whose failures are answers."""

    def __init__(self, connect_seconds: float) -> None:
        self._connect_seconds = connect_seconds

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer; one of ours, in JSON-RPC's form, where there is none that can be read."""
        if request.method == "GET":
            return httpx2.Response(405)
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._opened(request, await request.aread()))
            except (Refused, Unusable) as error:
                return _failure(str(error).rstrip("."), OURS)
            except EgressError as error:
                is_sure = isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
                return _failure("it cannot be reached", OURS) if is_sure else _failure(BROKEN_OFF, CONNECTION_CLOSED)
            if response.status in REFUSALS or response.status >= 500:
                return _failure(f"it answers HTTP {response.status}", OURS)
            if response.headers.get("Content-Encoding", NO_ENCODING).lower() != NO_ENCODING:
                return _failure(ENCODED, OURS)
            return httpx2.Response(
                response.status, headers=list(response.headers.items()), stream=Body(response, stack.pop_all())
            )

    def _opened(
        self, request: httpx2.Request, body: bytes
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in LEFT_OUT}
        return egress.opened(
            request.method,
            str(request.url),
            headers={**headers, "Accept-Encoding": NO_ENCODING},
            body=body or None,
            connect_seconds=self._connect_seconds,
        )


class Body(httpx2.AsyncByteStream):
    """A body that ends in Unreadable where it is too long or breaks off."""

    def __init__(self, response: aiohttp.ClientResponse, stack: AsyncExitStack) -> None:
        is_events = response.content_type.lower() == EVENTS
        self._left = MAX_STREAM_BYTES if is_events else MAX_MESSAGE_BYTES
        self._response = response
        self._stack = stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                self._left -= len(chunk)
                if self._left < 0:
                    raise Unreadable(TOO_LONG)
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise Unreadable(BROKEN_OFF) from error

    async def aclose(self) -> None:
        await self._stack.aclose()


@contextlib.asynccontextmanager
async def connected(url: str, headers: Mapping[str, str]) -> AsyncIterator[TransportStreams]:
    """The messages from and to the server, for the block. Calls have time-outs of their own."""
    transport = Outward(CONNECT_SECONDS)
    async with (
        httpx2.AsyncClient(transport=transport, headers=dict(headers), timeout=None, trust_env=False) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES) as streams,
    ):
        yield streams


def _failure(message: str, code: int) -> httpx2.Response:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return httpx2.Response(502, headers={"Content-Type": "application/json"}, content=orjson.dumps(error))
