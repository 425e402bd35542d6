"""Does the harm: one function a kind. Each ends when its harm is over, and says what happened."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.chaos.clock import Clock
from tests.chaos.part import Part
from tests.chaos.platform import TERM_SECONDS, Platform
from tests.chaos.schedule import Harm

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
QUEUES = ("agents", "agents.long")


@dataclass
class Done:
    """What was done, when, and what came of it at once. Times are this machine's, in seconds since 1970."""

    harm: Harm
    began: float
    ended: float
    outcome: str


class Harms:
    """Does a schedule to a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.done: list[Done] = []
        self._locks: dict[str, asyncio.Lock] = {}

    async def do(self, schedule: list[Harm], clock: Clock) -> None:
        """Do all of it, each at its time; harm that takes a while overlaps with the next."""
        doing = []
        for harm in schedule:
            await clock.reaches(harm.at_seconds)
            doing.append(asyncio.create_task(self._do(harm)))
        await asyncio.gather(*doing)

    async def _do(self, harm: Harm) -> None:
        # One at a time to a part: a frozen one is not killed before it wakes up.
        async with self._locks.setdefault(harm.target or harm.kind, asyncio.Lock()):
            began = time.time()
            try:
                outcome = await HARMS[harm.kind](self.platform, harm)
            except Exception as error:  # noqa: BLE001  # a harm that fails must not end the others
                outcome = f"not done: {type(error).__name__}: {error}"
            self.done.append(Done(harm, began, time.time(), outcome))
            sys.stdout.write(f"  {harm.told()}: {outcome}\n")
            sys.stdout.flush()


async def kill(platform: Platform, harm: Harm) -> str:
    """kill -9 of a part and all its processes; the supervisor starts it again."""
    platform.parts[harm.target].send(signal.SIGKILL)
    return "killed"


async def crash(platform: Platform, harm: Harm) -> str:
    """Have a part end itself at a named place."""
    part = platform.parts[harm.target]
    fired = len(part.crashes_fired())
    order = part.control.with_suffix(".new")
    order.write_text(json.dumps(harm.arguments))
    order.rename(part.control)
    deadline = time.monotonic() + 30
    while len(part.crashes_fired()) == fired:
        if time.monotonic() > deadline:
            # A process that took the order keeps it, and ends when it comes by.
            return "armed, not reached within 30 s"
        await asyncio.sleep(0.1)
    return "crashed there"


async def freeze(platform: Platform, harm: Harm) -> str:
    """SIGSTOP, and SIGCONT after a while."""
    part = platform.parts[harm.target]
    part.send(signal.SIGSTOP)
    await asyncio.sleep(harm.arguments["seconds"])
    part.send(signal.SIGCONT)
    return "frozen and woken"


async def half_open(platform: Platform, harm: Harm) -> str:
    """Let nothing pass between web-2, worker-2 and one of their servers; connections stay open."""
    proxy = platform.proxies[harm.target]
    proxy.freeze()
    await asyncio.sleep(harm.arguments["seconds"])
    proxy.thaw(is_cut=harm.arguments["is_cut"])
    return "cut after it" if harm.arguments["is_cut"] else "flows again"


async def flush_redis(platform: Platform, harm: Harm) -> str:
    """FLUSHALL."""
    with redis.Redis.from_url(platform.redis.url, socket_timeout=5) as client:
        await asyncio.to_thread(client.flushall)
    return "flushed"


async def restart_redis(platform: Platform, harm: Harm) -> str:
    """Redis goes, by kill -9 or politely, and comes back."""
    return await _away(platform.parts["valkey"], harm)


async def restart_broker(platform: Platform, harm: Harm) -> str:
    """RabbitMQ goes, by kill -9 or politely, and comes back."""
    return await _away(platform.parts["rabbitmq"], harm)


async def restart_postgres(platform: Platform, harm: Harm) -> str:
    """PostgreSQL is shut down, `fast` or `immediate`, and comes back."""
    part = platform.parts["postgres"]
    how = signal.SIGINT if harm.arguments["how"] == "fast" else signal.SIGQUIT
    is_polite = await part.stop(30, how)
    await asyncio.sleep(harm.arguments["away_seconds"])
    await part.start()
    return "came back" if is_polite else "killed, came back"


async def drop_messages(platform: Platform, harm: Harm) -> str:
    """Remove the messages that wait in the broker's queues."""
    if platform.rabbitmq is not None:
        purged = [queue for queue in QUEUES if await asyncio.to_thread(platform.rabbitmq.purge, queue)]
        return f"purged {', '.join(purged)}"
    return f"dropped {await asyncio.to_thread(_drop_lists, platform.redis.url)} messages"


async def shift_clock(platform: Platform, harm: Harm) -> str:
    """Have a part live an hour early or late for a while. Only the wall clock: no kernel turns the monotonic one back."""
    part = platform.parts[harm.target]
    hours = harm.arguments["hours"]
    clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{hours * 3600:+d}", "DONT_FAKE_MONOTONIC": "1"}
    await part.kill()
    await part.start(clock, is_awaited=False)
    await asyncio.sleep(harm.arguments["seconds"])
    await part.kill()
    await part.start(is_awaited=False)
    return f"lived {hours:+d} h"


async def deploy(platform: Platform, harm: Harm) -> str:
    """TERM to one part after the other, as a rolling update does; each is started again when it has ended."""
    took = []
    for name in ("web-1", "worker-1", "sweeper-1", "web-2", "worker-2", "sweeper-2"):
        part, began = platform.parts[name], time.monotonic()
        is_polite = await part.stop(TERM_SECONDS)
        took.append(f"{name} {time.monotonic() - began:.1f} s{'' if is_polite else ' (killed)'}")
        with contextlib.suppress(Exception):  # it may be hurt while it starts; the supervisor goes on
            await part.start()
    return "ended after TERM: " + ", ".join(took)


async def _away(part: Part, harm: Harm) -> str:
    if harm.arguments["is_killed"]:
        await part.kill()
    else:
        await part.stop(20)
    await asyncio.sleep(harm.arguments["away_seconds"])
    await part.start()
    return "killed, came back" if harm.arguments["is_killed"] else "came back"


def _drop_lists(url: str) -> int:
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        lists: list[Any] = [key for key in client.scan_iter("*celery*") if client.type(key) == b"list"]
        waiting = sum(int(client.llen(key)) for key in lists)
        if lists:
            client.delete(*lists)
    return waiting


HARMS: dict[str, Callable[[Platform, Harm], Awaitable[str]]] = {
    each.__name__: each
    for each in (
        kill, crash, freeze, half_open, flush_redis, restart_redis, restart_broker, restart_postgres, drop_messages,
        shift_clock, deploy,
    )
}  # fmt: skip
