"""Requests to addresses that clients, models or operators name, within limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import responses
from urllib.parse import urljoin

import aiohttp
from django.conf import settings

from agents.egress import permits as permitting
from agents.egress import targets
from agents.egress.errors import Refused, TookTooLong, Unusable
from agents.egress.opening import hop
from agents.egress.permits import Permits
from agents.egress.targets import Target

CHUNK_BYTES = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
# What another origin, that a redirect leads to, is told of the first one's headers: no key, no cookie.
TOLD_TO_ANYONE = frozenset({"accept", "accept-language", "user-agent"})


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
    async with hop(method, targets.read(url, allowed), headers or {}, body, connect_seconds, allowed) as response:
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
            async with hop(method, target, headers, body, limits.connect_seconds, permits) as response:
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


def _allowed(permits: Permits) -> Permits:
    return (*permits, *map(permitting.parse, settings.EGRESS_ALLOWED))


def _shown(url: str) -> str:
    return f"{url.strip()[:100]!r}"
