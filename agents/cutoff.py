"""How much of a provider's answer is read, and how long a silence in it is borne. Checked on the wire, before any parsing."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
from django.conf import settings


class CutOff(Exception):
    """The answer was cut off. The message says why, for clients."""


class TooLong(CutOff):
    """More bytes than allowed."""


class TooSlow(CutOff):
    """A silence longer than allowed."""


class Encoded(CutOff):
    """The answer is compressed, though we asked for it plain: a few bytes of it could unpack to any size."""


class Measured(httpx2.AsyncByteStream):
    """A body that ends in TooLong or TooSlow where it goes on for too long, or stops for too long once it has begun."""

    def __init__(self, body: httpx2.AsyncByteStream, *, max_bytes: int, idle_seconds: float) -> None:
        self._body = body
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read, chunks = 0, self._body.__aiter__()
        while True:
            try:
                # The first chunk may take as long as the model thinks; the whole call has a time-out of its own.
                async with asyncio.timeout(self._idle_seconds if read else None):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise TooSlow("The model fell silent in the middle of its answer.") from error
            read += len(chunk)
            if read > self._max_bytes:
                raise TooLong(f"The model's answer is longer than the {self._max_bytes} bytes allowed.")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


async def measure(response: httpx2.Response) -> None:
    """For a client's `response` event: have the answer's body measured. Raises Encoded for a compressed one."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        if not response.is_error:
            raise Encoded("The model provider's answer is compressed, which it was asked not to do.")
        del response.headers["content-encoding"]  # its status says enough; the body is not unpacked
    body = response.stream
    assert isinstance(body, httpx2.AsyncByteStream)
    response.stream = Measured(body, max_bytes=settings.MODEL_MAX_REPLY_BYTES, idle_seconds=settings.MODEL_IDLE_SECONDS)
