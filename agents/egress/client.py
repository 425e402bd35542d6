"""Requests to addresses that clients, models or operators name, within limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.client import responses
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

import aiohttp
from django.conf import settings

from agents.egress import permits as permitting
from agents.egress import targets
from agents.egress.connecting import connector_to
from agents.egress.errors import Refused, TookTooLong, Unreachable, Unusable
from agents.egress.permits import Permits
from agents.egress.targets import Target

USER_AGENT = "Mozilla/5.0 (compatible; Agentplatform)"
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 128
CHUNK_BYTES = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
# What another origin, that a redirect leads to, is told of the first one's headers: no key, no cookie.
TOLD_TO_ANYONE = frozenset({"accept", "accept-language", "user-agent"})

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may take, its redirects included. Bytes are those of the body, unpacked.

    `takes` judges the media type of a success, `text/html` for instance, before its body is read.
    """

    total_seconds: float = 20
    connect_seconds: float = 5
    max_bytes: int = 2 * 1024 * 1024
    max_redirects: int = 5
    takes: Callable[[str], bool] = lambda _media_type: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. `url` is where it came from in the end; `is_cut`: `body` is only the beginning of a longer one."""

    status: int
    url: str
    body: bytes
    is_cut: bool = False
    content_type: str = ""
    charset: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def told(self) -> str:
        """The status in words: `404 Not Found`."""
        return f"{self.status} {responses.get(self.status, '')}".strip()


DEFAULT = Limits()


async def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limits: Limits = DEFAULT,
    permits: Permits = (),
) -> Answer:
    """Give the answer of a URL, whatever its status.

    Redirects of GET and HEAD are followed, each judged as the first URL was; other methods, or with `max_redirects=0`, give
    the redirect as it is. A body longer than allowed is cut. `permits` are what an operator's setting permits this caller,
    beyond EGRESS_ALLOWED.

    Raises Refused, Unreachable, TookTooLong or Unusable.
    """
    try:
        async with asyncio.timeout(limits.total_seconds):
            return await _followed(method.upper(), url, dict(headers or {}), body, limits, permits)
    except TimeoutError as error:
        raise TookTooLong(f"{_shown(url)} did not answer in full within {limits.total_seconds:g} s.") from error


@asynccontextmanager
async def opened(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    connect_seconds: float = DEFAULT.connect_seconds,
    permits: Permits = (),
) -> AsyncIterator[aiohttp.ClientResponse]:
    """One request whose answer is read by the caller, who bounds its time and its size. No redirect is followed.

    Raises Refused, Unreachable or Unusable, also of what is read within the block.
    """
    allowed = _allowed(permits)
    async with _open(method, targets.read(url, allowed), headers or {}, body, connect_seconds, allowed) as response:
        yield response


async def _followed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    limits: Limits,
    permits: Permits,
) -> Answer:
    permits, came_from, first = _allowed(permits), None, url
    for _ in range(limits.max_redirects + 1):
        try:
            target = targets.read(url, permits)
            if came_from and came_from.url.origin() != target.url.origin():
                headers = {name: value for name, value in headers.items() if name.lower() in TOLD_TO_ANYONE}
            async with _open(method, target, headers, body, limits.connect_seconds, permits) as response:
                if not (place := _redirect(response)) or not limits.max_redirects or method not in ("GET", "HEAD"):
                    return await _whole(response, target, limits)
        except Refused as error:
            if came_from is None:
                raise
            raise Refused(f"{came_from.host} redirects to an address that is refused. {error}") from error
        came_from, url = target, place
    raise Unusable(f"{_shown(first)} redirects more than {limits.max_redirects} times.")


def _redirect(response: aiohttp.ClientResponse) -> str:
    """The address that the answer redirects to, or nothing."""
    place = response.headers.get("Location", "") if response.status in REDIRECTS else ""
    try:
        return urljoin(str(response.url), place) if place else ""
    except ValueError:
        return place  # no address; it is refused as one


@asynccontextmanager
async def _open(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes | None,
    connect_seconds: float,
    permits: Permits,
) -> AsyncIterator[aiohttp.ClientResponse]:
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


async def _whole(response: aiohttp.ClientResponse, target: Target, limits: Limits) -> Answer:
    content_type = response.content_type.lower() if "Content-Type" in response.headers else ""
    if response.ok and not limits.takes(content_type):
        raise Unusable(
            f"{target.host} sent {content_type[:100] or 'something without a type'}, which cannot be used here."
        )
    read = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        read += chunk
        if len(read) > limits.max_bytes:
            break
    return Answer(
        status=response.status,
        url=str(target.url),
        body=bytes(read[: limits.max_bytes]),
        is_cut=len(read) > limits.max_bytes,
        content_type=content_type,
        charset=response.charset or "",
        headers=response.headers,
    )


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


def _allowed(permits: Permits) -> Permits:
    return (*permits, *map(permitting.parse, settings.EGRESS_ALLOWED))


def _shown(url: str) -> str:
    return f"{url.strip()[:100]!r}"
