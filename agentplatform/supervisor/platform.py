"""The life of one run: claim the folder, start everything in order, wait for the end, stop in order."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agentplatform.embedded import addresses, model, postgres, valkey
from agentplatform.embedded.claim import claim
from agentplatform.embedded.passwords import password
from agentplatform.embedded.program import Program, Store
from agentplatform.supervisor import plan as programs
from agentplatform.supervisor.announcement import Announcement, curl, links
from agentplatform.supervisor.child import Child
from agentplatform.supervisor.output import Output
from agentplatform.supervisor.plan import Plan

T = TypeVar("T")

START_SECONDS = 300.0
HEALTHY_SECONDS = 30.0
"""How long to wait for `healthy` once requests are served; after that, `degraded` is what we announce."""
TICK_SECONDS = 0.1


class Platform:
    """All processes of one run."""

    def __init__(self, plan: Plan, output: Output, tick: Callable[[], None] = lambda: None) -> None:
        self._plan = plan
        self._output = output
        self._tick = tick
        self._stores: list[Child] = []
        self._services: list[Child] = []
        self._began = time.monotonic()

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; a second signal ends everything at once.

        Raises EmbeddedError or StartFailed when the platform cannot start; nothing is left running then.
        """
        with claim(self._plan.data_dir):
            addresses.forget(self._plan.data_dir)
            life = asyncio.create_task(self._live())
            ticking = asyncio.create_task(self._keep_ticking())
            self._on_signals(life.cancel)
            try:
                await asyncio.wait([life])
            finally:
                ticking.cancel()
                await self._stop()
                addresses.forget(self._plan.data_dir)
            if not life.cancelled():
                life.result()

    async def _live(self) -> None:
        self._forget_old_metrics()
        admin_password = self._admin_password()
        database, cache, language_model = await self._prepared()
        await _together(
            self._start_store("language model", language_model),
            self._start_what_needs_stores(database, cache, admin_password),
        )
        status = await self._until_healthy()
        # Last, because the others' start, which somebody waits for, goes faster without it.
        await self._start_service("sweeper", programs.sweeper, self._plan.has_sweeper)
        self._output.ready(self._announcement(status, admin_password))
        await asyncio.Event().wait()

    async def _prepared(self) -> list[Store | None]:
        """Make the files of the stores this run needs and record their addresses: each child reads them when it starts."""
        plan = self._plan
        with self._output.step("data folder"):
            stores = await _together(
                _prepare(lambda: postgres.prepare(plan.data_dir), plan.needs_database),
                _prepare(lambda: valkey.prepare(plan.data_dir), plan.needs_redis),
                _prepare(model.prepare, plan.needs_model),
            )
        database, cache, language_model = (store.url if store else None for store in stores)
        found = addresses.Addresses(database_url=database, redis_url=cache, model_url=language_model)
        addresses.write(plan.data_dir, found)
        return stores

    async def _start_what_needs_stores(
        self, database: Store | None, cache: Store | None, admin_password: str | None
    ) -> None:
        await _together(self._start_store("PostgreSQL", database), self._start_store("Valkey", cache))
        # The web server reads no table before it is asked to, so it may load while the tables are made.
        await _together(
            self._start_service("web server", programs.web, self._plan.has_web),
            self._start_what_needs_tables(admin_password),
        )

    async def _start_what_needs_tables(self, admin_password: str | None) -> None:
        with self._output.step("database contents"):
            await self._child(self._services, programs.bootstrap(self._plan, admin_password)).run_once()
        await self._start_service("worker", programs.worker, self._plan.has_worker)

    async def _start_store(self, name: str, store: Store | None) -> None:
        if store is not None:
            with self._output.step(name):
                await self._child(self._stores, store.program).start(START_SECONDS)

    async def _start_service(self, name: str, make: Callable[[Plan], Program], is_wanted: bool) -> None:
        if is_wanted:
            with self._output.step(name):
                await self._child(self._services, make(self._plan)).start(START_SECONDS)

    async def _until_healthy(self) -> str:
        """Wait until /health says so, as far as this run has the parts for it; give its last word."""
        if not self._plan.has_web:
            return "running without web server"
        deadline = time.monotonic() + (HEALTHY_SECONDS if self._plan.has_worker else 0)
        with self._output.step("health"):
            while True:
                status = await asyncio.to_thread(self._health)
                if status == "healthy" or time.monotonic() > deadline:
                    return status
                await asyncio.sleep(TICK_SECONDS)

    def _health(self) -> str:
        _, body = programs.fetch(self._plan, "/health")
        try:
            return str(json.loads(body)["status"])
        except (ValueError, KeyError):
            return "unhealthy"

    def _announcement(self, status: str, admin_password: str | None) -> Announcement:
        plan = self._plan
        key = "demo-key-123" if plan.has_demo_key else None
        return Announcement(
            seconds=round(time.monotonic() - self._began, 1),
            status=status,
            links=links(plan.base_url) if plan.has_web else {},
            api_key=key,
            admin_password=admin_password,
            curl=curl(plan.base_url, key or "$KEY") if plan.has_web else None,
        )

    def _admin_password(self) -> str | None:
        """The password that we make for the first operator; none when a person set ADMIN_PASSWORD, or in production."""
        return password(self._plan.data_dir, "admin") if self._plan.makes_admin_password else None

    def _forget_old_metrics(self) -> None:
        """Counters of processes that ended long ago would be counted again. Nothing but prometheus_client's files goes."""
        self._plan.metrics_dir.mkdir(parents=True, exist_ok=True)
        for file in self._plan.metrics_dir.glob("*.db"):
            file.unlink()

    def _child(self, group: list[Child], program: Program) -> Child:
        child = Child(program, self._output)
        group.append(child)
        return child

    async def _stop(self) -> None:
        """Stop who uses the stores first, then the stores, the database last."""
        if self._services or self._stores:
            self._output.news("platform_stopping")
        await asyncio.gather(*(child.stop() for child in self._services))
        for child in sorted(self._stores, key=lambda child: child.program.name == "postgres"):
            await child.stop()
        self._output.news("platform_stopped")

    def _on_signals(self, cancel: Callable[[], object]) -> None:
        def stop() -> None:
            # The kernel ends every child with us, so a second signal needs no more than this.
            for number in numbers:
                loop.add_signal_handler(number, os._exit, 128 + number)
            cancel()

        loop = asyncio.get_running_loop()
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup's wish
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, stop)

    async def _keep_ticking(self) -> None:
        while True:
            self._tick()
            await asyncio.sleep(TICK_SECONDS)


async def _prepare(prepare: Callable[[], Store], is_needed: bool) -> Store | None:
    return await asyncio.to_thread(prepare) if is_needed else None


async def _together(*jobs: Coroutine[Any, Any, T]) -> list[T]:
    """Run jobs at once and give their results; when one fails, end the others and raise what it raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]
