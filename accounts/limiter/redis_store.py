"""The limiter in Redis: one script, one round trip, for all processes together."""

from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis

from accounts.limiter.values import Charge, Limit, Step, Verdict
from agentplatform.redis import Script

SCRIPT = Script(Path(__file__).with_name("limiter.lua").read_bytes())


async def ask(client: Redis, step: Step, limits: Sequence[Limit], charge: Charge) -> Verdict:
    """Do one step about all the limits. Raises RedisError."""
    keys: list[str] = []
    arguments: list[str | int] = [step, charge.id, charge.at_us]
    for limit in limits:
        keys += [limit.log, f"{limit.log}:amounts"]
        arguments += [limit.kind, limit.limit, limit.span_us, charge.amount(limit)]
    return Verdict.parsed(await SCRIPT.run(client, keys, arguments))
