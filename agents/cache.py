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

from agentplatform import redis as platform_redis
from agentplatform.encoding import encoded
from agentplatform.metrics import cache_total
from agents import draining
from agents.engine.types import RunLimits, TaskInput
from agents.teams import Team

LEAD_MILLISECONDS = 10_000
RENEW_SECONDS = 3.0
LOOK_SECONDS = 0.1
# Each is one round trip. Gives the answer where there is one; else whether the lead was free, and is the caller's now.
LOOK = platform_redis.Script("""
local answer = redis.call('GET', KEYS[1])
if answer then return { answer, 0 } end
return { false, redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0 }
""")
# Keeps the answer where one was made, and ends the lead unless it lapsed and another has it.
LEAVE = platform_redis.Script("""
if ARGV[2] then redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
""")


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
    return _read(kept)


@dataclass(slots=True)
class Flight:
    """A task's way through the cache: the `answer` that was there, or else what it makes itself, for those who ask the same."""

    answer: Answer | None = None
    made: Answer | None = None

    def keep(self, answer: Answer) -> None:
        """Have this answer stored when the block ends."""
        self.made = answer


_leading: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Event]] = WeakKeyDictionary()


@asynccontextmanager
async def flight(policy: Policy) -> AsyncIterator[Flight]:
    """Join the identical requests under way. Yields a flight with the answer that another made, or without: then make it here.

    Whoever gets none leads, and the others wait until its block ends; if it kept no answer, one of them leads next.
    Raises Draining to those who still wait when this process is told to stop.
    """
    if not policy.is_read:
        own = Flight()
        yield own
        await _store(policy, own.made)
        return
    here = _leading.setdefault(asyncio.get_running_loop(), {})
    while True:
        if (other := here.get(policy.key)) is not None:
            with draining.interrupting():
                await other.wait()
            answer = await found(policy)
            lead = None
        else:
            answer, lead = await _found_or_lead(policy, here)
        if answer or lead:
            break
        if draining.has_begun():
            raise draining.Draining
    flying = Flight(answer)
    try:
        yield flying
    finally:
        if lead:
            await lead.leave(policy, flying.made)


@dataclass(slots=True)
class Lead:
    """The right to make an answer; the others wait."""

    token: bytes
    here: dict[str, asyncio.Event]
    renewing: asyncio.Task[None]

    async def leave(self, policy: Policy, made: Answer | None) -> None:
        """Store what was made, and let the others go on."""
        self.renewing.cancel()
        arguments: list[bytes | int] = [self.token]
        if made and policy.store_seconds:
            arguments += [_written(made), policy.store_seconds]
        keys = (_lead_key(policy.key), _answer_key(policy.key))
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(lambda client: LEAVE.run(client, keys, arguments))
        self.here.pop(policy.key).set()


async def _found_or_lead(policy: Policy, here: dict[str, asyncio.Event]) -> tuple[Answer | None, Lead | None]:
    """The stored answer, or the lead, in this process and in Redis; neither after a short wait when another process leads."""
    here[policy.key] = asyncio.Event()
    is_kept = False
    try:
        token = secrets.token_bytes(16)
        keys, arguments = (_answer_key(policy.key), _lead_key(policy.key)), (token, LEAD_MILLISECONDS)
        try:
            kept, taken = await platform_redis.attempt(lambda client: LOOK.run(client, keys, arguments))
        except platform_redis.Away:
            kept, taken = None, True
        if taken:
            is_kept = True
            return None, Lead(token, here, asyncio.create_task(_renew(policy.key)))
        if kept is None:
            await asyncio.sleep(LOOK_SECONDS)
        return _read(kept), None
    finally:
        if not is_kept:
            here.pop(policy.key).set()


async def _store(policy: Policy, made: Answer | None) -> None:
    if made and policy.store_seconds:
        body = _written(made)
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(
                lambda client: client.set(_answer_key(policy.key), body, ex=policy.store_seconds)
            )


async def _renew(key: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with contextlib.suppress(platform_redis.Away):
            await platform_redis.attempt(lambda client: client.pexpire(_lead_key(key), LEAD_MILLISECONDS))


def _read(kept: bytes | str | None) -> Answer | None:
    return Answer(**json.loads(kept)) if kept else None


def _written(answer: Answer) -> bytes:
    return encoded({"result": answer.result, "model": answer.model})


def count(result: str) -> None:
    """Count a look-up: hit, miss or bypass."""
    cache_total.labels(result).inc()


def _answer_key(key: str) -> str:
    return platform_redis.key("answer", f"{{{key}}}")


def _lead_key(key: str) -> str:
    return platform_redis.key("lead", f"{{{key}}}")  # the braces keep both on one node of a cluster
