"""The response cache: exact, one client's own, and one model call for identical requests in flight at once.

A key covers everything that can change the answer. Redis holds the answers, and who is making one now (`lead`, kept alive while
it works). Without Redis, requests in flight are still joined within the process.
"""

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from redis.asyncio import Redis

from agentplatform import redis as platform_redis
from agentplatform.encoding import encoded
from agentplatform.metrics import cache_total
from agents import draining
from agents.engine.types import RunLimits, TaskInput
from agents.teams import Team

LEAD_MILLISECONDS = 10_000
RENEW_SECONDS = 3.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a completed task said, and which model said it."""

    result: Any
    model: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether a task may be answered from the cache, and for how many seconds its own answer is kept."""

    key: str
    is_read: bool
    store_seconds: int


BYPASS = Policy("", is_read=False, store_seconds=0)


def key_of(client_id: UUID, team: Team, task: TaskInput, limits: RunLimits) -> str:
    """The digest of all that can change the answer: agents, models, input, and the caps that can cut it short."""
    parts = {
        "client": str(client_id),
        "lead": team.lead.spec.slug,
        "team": {slug: [spec.version_id, spec.model] for slug, spec in team.members.items()},
        "task": task.task,
        "context": task.context,
        "output_schema": task.output_schema,
        "limits": [limits.max_output_tokens, limits.max_steps],
    }
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=32).hexdigest()


async def found(policy: Policy) -> Answer | None:
    """The stored answer, if the request may read one and there is one."""
    if not policy.is_read:
        return None
    try:
        kept = await platform_redis.attempt(lambda client: client.get(_answer_key(policy.key)))
    except platform_redis.Away:
        kept = None
    return Answer(**json.loads(kept)) if kept else None


async def store(policy: Policy, answer: Answer) -> None:
    """Keep an answer for those who ask the same again."""
    if policy.store_seconds:
        body = encoded({"result": answer.result, "model": answer.model})
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(
                lambda client: client.set(_answer_key(policy.key), body, ex=policy.store_seconds)
            )


_leading: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Event]] = WeakKeyDictionary()


@asynccontextmanager
async def flight(policy: Policy) -> AsyncIterator[Answer | None]:
    """Join the identical requests under way. Yields the answer that another made meanwhile, or None: then make it here.

    Whoever gets None leads, and the others wait until its block ends; if it stored no answer, one of them leads next.
    Raises Draining to those who still wait when this process is told to stop.
    """
    if not policy.is_read:
        yield None
        return
    here = _leading.setdefault(asyncio.get_running_loop(), {})
    lead = None
    while lead is None:
        if (other := here.get(policy.key)) is not None:
            with draining.interrupting():
                await other.wait()
        else:
            lead = await _lead(policy.key, here)
        if lead is None and draining.has_begun():
            raise draining.Draining
        if lead is None and (answer := await found(policy)):
            yield answer
            return
    try:
        yield await found(policy)
    finally:
        await lead.leave()


@dataclass(slots=True)
class Lead:
    """The right to make an answer; the others wait."""

    key: str
    token: bytes
    here: dict[str, asyncio.Event]
    renewing: asyncio.Task[None]

    async def leave(self) -> None:
        """Let the others go on."""
        self.renewing.cancel()
        self.here.pop(self.key).set()
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(self._give_up)

    async def _give_up(self, client: Redis) -> None:
        # Between the two another may have taken a lead that lapsed; then two make the answer, which costs but does no harm.
        if await client.get(_lead_key(self.key)) == self.token:
            await client.delete(_lead_key(self.key))


async def _lead(key: str, here: dict[str, asyncio.Event]) -> Lead | None:
    """Take the lead, in this process and in Redis; None after a short wait when another process has it."""
    here[key] = asyncio.Event()
    token = secrets.token_bytes(16)
    try:
        taken = await platform_redis.attempt(
            lambda client: client.set(_lead_key(key), token, nx=True, px=LEAD_MILLISECONDS)
        )
    except platform_redis.Away:
        taken = True
    except BaseException:
        here.pop(key).set()
        raise
    if taken:
        return Lead(key, token, here, asyncio.create_task(_renew(key)))
    try:
        await asyncio.sleep(LOOK_SECONDS)
    finally:
        here.pop(key).set()
    return None


async def _renew(key: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(lambda client: client.pexpire(_lead_key(key), LEAD_MILLISECONDS))


def count(result: str) -> None:
    """Count a look-up: hit, miss or bypass."""
    cache_total.labels(result).inc()


def _answer_key(key: str) -> str:
    return platform_redis.key("answer", key)


def _lead_key(key: str) -> str:
    return platform_redis.key("lead", key)
