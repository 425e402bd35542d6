"""Redis for the API: one client per event loop, one builder of keys, and a quick way to know that it is away.

Redis makes things fast and owns nothing: every caller of `attempt` has an answer for `Away`.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

T = TypeVar("T")
RETRY_AFTER_SECONDS = 1.0
COMMANDS_AT_ONCE = 16

# A loop's client, and the gate to it. A hundred commands at once only make each other time out, and a command that waits
# at the gate learns of an outage without a timeout of its own.
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Redis, asyncio.Semaphore]] = WeakKeyDictionary()
_away_until = 0.0


class Away(Exception):
    """Redis did not answer, or did not a moment ago."""


def key(*parts: object) -> str:
    """The one builder of key names: `ap:` and the parts, joined with colons."""
    return ":".join(("ap", *map(str, parts)))


def client() -> Redis:
    """The running loop's client. Connections are made on demand and given back after each command."""
    return _client_and_gate()[0]


def _client_and_gate() -> tuple[Redis, asyncio.Semaphore]:
    loop = asyncio.get_running_loop()
    if (found := _clients.get(loop)) is None:
        pool = ConnectionPool.from_url(
            settings.REDIS_URL or "redis://127.0.0.1:1/0",
            socket_connect_timeout=1,
            socket_timeout=1,
            socket_keepalive=True,
            # Once, for a pooled connection that was closed while it was idle.
            retry=Retry(NoBackoff(), 1),
        )
        found = _clients[loop] = Redis(connection_pool=pool), asyncio.Semaphore(COMMANDS_AT_ONCE)
    return found


async def attempt(operation: Callable[[Redis], Awaitable[T]]) -> T:
    """Run an operation on Redis; raises Away at once for a second after a failure.

    So an outage costs a timeout a second, and not one for every call.
    """
    global _away_until
    redis, gate = _client_and_gate()
    async with gate:
        if time.monotonic() < _away_until:
            raise Away
        try:
            return await operation(redis)
        except (RedisError, OSError, TimeoutError) as error:
            _away_until = time.monotonic() + RETRY_AFTER_SECONDS
            raise Away from error


class Script:
    """A Lua script in Redis: run by its digest, and sent whole to a server that does not have it yet."""

    def __init__(self, text: str | bytes) -> None:
        self.text = text.encode() if isinstance(text, str) else text
        self._sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()

    async def run(self, client: Any, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Its answer, in one round trip. Raises RedisError."""
        try:
            return await client.evalsha(self._sha, len(keys), *keys, *arguments)
        except NoScriptError:  # a server that was just started, or flushed of its scripts
            return await client.eval(self.text, len(keys), *keys, *arguments)
