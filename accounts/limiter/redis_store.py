"""The limiter in Redis: one script, one round trip, for all processes together."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from accounts.limiter.values import Charge, Limit, Step, Verdict

SCRIPT = Path(__file__).with_name("limiter.lua").read_bytes()
SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()


async def ask(client: Redis, step: Step, limits: Sequence[Limit], charge: Charge) -> Verdict:
    """Do one step about all the limits. Raises RedisError."""
    keys: list[str] = []
    arguments: list[str | int] = [step, charge.id, charge.at_us]
    for limit in limits:
        keys += [limit.log, f"{limit.log}:amounts"]
        arguments += [limit.kind, limit.limit, limit.span_us, charge.amount(limit)]
    return Verdict.parsed(await _evaluated(client, keys, arguments))


async def _evaluated(client: Any, keys: list[str], arguments: list[str | int]) -> Sequence[int]:
    try:
        answer: Sequence[int] = await client.evalsha(SHA, len(keys), *keys, *arguments)
    except NoScriptError:  # a server that was just started, or flushed of its scripts
        answer = await client.eval(SCRIPT, len(keys), *keys, *arguments)
    return answer
