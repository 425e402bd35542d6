"""One hop: a request to a target that was read, its answer, and what can go wrong between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakKeyDictionary

import aiohttp
from django.conf import settings

from agents.egress.connecting import connector_to
from agents.egress.errors import Refused, Unreachable, Unusable
from agents.egress.permits import Permits
from agents.egress.targets import Target

USER_AGENT = "Mozilla/5.0 (compatible; Agentplatform)"
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 128

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def hop(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes | None,
    connect_seconds: float,
    permits: Permits,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer of this target alone, whatever its status; no redirect is followed.

    Raises Refused, Unreachable or Unusable, also of what is read within the block.
    """
    if any(not text.isprintable() for name, value in headers.items() for text in (name, value)):
        raise Refused("A header to be sent has a line break or another control character in it.")
    async with _slot():
        with _told(target.host):
            connector = await connector_to(target, permits, within_seconds=connect_seconds)
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
                    trust_env=False,  # no proxy, no .netrc: they would connect in our place, or say who we are
                    max_line_size=MAX_HEADER_BYTES,
                    max_field_size=MAX_HEADER_BYTES,
                    max_headers=MAX_HEADERS,
                    headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
                ) as session,
                session.request(method, target.url, headers=headers, data=body, allow_redirects=False) as response,
            ):
                yield response


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except aiohttp.ServerTimeoutError as error:
        raise Unreachable(f"{host} takes no connection.") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unreachable(f"{host} has a certificate that cannot be trusted.") from error
    except aiohttp.ClientSSLError as error:
        raise Unreachable(f"No secure connection to {host} could be made.") from error
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"{host} takes no connection.") from error
    except aiohttp.ClientResponseError as error:
        raise Unusable(f"{host} sent an answer whose headers are too large or cannot be read.") from error
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise Unreachable(f"{host} broke its answer off, or sent one that cannot be read.") from error


@asynccontextmanager
async def _slot() -> AsyncIterator[None]:
    """One of the requests that the process has under way; there is one event loop in it."""
    loop = asyncio.get_running_loop()
    if (slots := _slots.get(loop)) is None:
        slots = _slots[loop] = asyncio.Semaphore(settings.EGRESS_CONCURRENCY)
    async with slots:
        yield
