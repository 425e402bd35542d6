"""One fault run: a workload, a schedule of harm, a wait until all is settled, and the checker's verdict."""

import asyncio
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos import checker, history
from tests.chaos.client import Client, Record
from tests.chaos.clock import Clock
from tests.chaos.harm import Done, Harms
from tests.chaos.platform import Platform, running
from tests.chaos.schedule import Harm, schedule
from tests.chaos.workload import orders

SETTLE_SECONDS = 240.0


@dataclass(frozen=True)
class Wishes:
    """What decides a run. With the same wishes the same tasks are sent and the same harm is done."""

    seed: str
    tasks: int
    seconds: float
    faults: int
    kinds: tuple[str, ...]
    broker: str
    trouble: float
    at_once: int = 150
    """How many clients wait for their tasks at most; until one is done, the time of the run stands still."""


@dataclass
class Verdict:
    """What came of it."""

    wishes: Wishes
    harm: list[Done]
    crashes: list[str]
    violations: dict[str, list[str]]
    facts: dict[str, Any]
    took_seconds: float
    load_average: tuple[float, float, float]

    @property
    def is_good(self) -> bool:
        return not any(self.violations.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def fault_run(wishes: Wishes, folder: Path) -> Verdict:
    """Do it all. Raises PartFailed when the platform does not start."""
    began = time.monotonic()
    planned = schedule(
        wishes.seed,
        seconds=wishes.seconds,
        count=wishes.faults,
        kinds=wishes.kinds,
        has_own_broker=wishes.broker != "redis",
    )
    say(f"Seed {wishes.seed}: {wishes.tasks} tasks and {len(planned)} faults in {wishes.seconds:.0f} s.")
    say("\n".join(harm.told() for harm in planned))
    async with running(folder, seed=wishes.seed, broker=wishes.broker, trouble=wishes.trouble) as platform:
        history.watch(platform.database.url)
        harms = Harms(platform)
        records = await _load(platform, harms, wishes, planned)
        say("All clients are done; waiting until every task is.")
        left = await history.settled(platform.database.url, within_seconds=SETTLE_SECONDS)
        say(f"Settled; unfinished: {left or 'none'}.")
        seen = await _seen(platform, harms, records)
    return Verdict(
        wishes=wishes,
        harm=sorted(harms.done, key=lambda done: done.began),
        crashes=[f"{part.name} {point}" for part in platform.parts.values() for point in part.crashes_fired()],
        violations=checker.violations(seen),
        facts=checker.facts(seen),
        took_seconds=round(time.monotonic() - began, 1),
        load_average=os.getloadavg(),
    )


def say(text: str) -> None:
    """Tell the terminal how far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _load(platform: Platform, harms: Harms, wishes: Wishes, planned: list[Harm]) -> list[Record]:
    """Send every order at its time while the harm is done; give what their clients saw."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        clock, places = Clock(), asyncio.Semaphore(wishes.at_once)
        harming = asyncio.create_task(harms.do(planned, clock))
        clients: list[asyncio.Task[Record]] = []
        telling = asyncio.create_task(_tell(clients, wishes.tasks, clock))
        for order in orders(wishes.seed, count=wishes.tasks, seconds=wishes.seconds):
            await clock.reaches(order.at_seconds)
            await clock.stands_until(asyncio.ensure_future(places.acquire()))
            clients.append(asyncio.create_task(Client(session, platform.urls, order).run()))
            clients[-1].add_done_callback(lambda _: places.release())
        await harming
        await platform.calm()
        say("The harm is over.")
        records = await asyncio.gather(*clients)
        telling.cancel()
        return records


async def _tell(clients: list[asyncio.Task[Record]], planned: int, clock: Clock) -> None:
    while True:
        await asyncio.sleep(20)
        done = sum(client.done() for client in clients)
        say(f"{clock.seconds:6.0f} s: {len(clients)} of {planned} sent, {done} clients done.")


async def _seen(platform: Platform, harms: Harms, records: list[Record]) -> checker.History:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{platform.outside_url}/ledger") as answer,
    ):
        ledger = await answer.json()
    return checker.History(
        records=records,
        tasks=await asyncio.to_thread(history.read, platform.database.url),
        charges=ledger["charges"],
        effects=ledger["effects"],
        cuts=[(done.began, done.ended) for done in harms.done if done.harm.kind in ("half_open", "freeze")],
    )
