"""A worker whose connection to its broker went dead without a word, in a process of its own behind a real proxy."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from agentplatform.embedded.ports import free_port
from agents import outbox
from tests.api import Persona
from tests.chaos.proxies import Proxy
from tests.end_to_end.processes import worker
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

PROMISED_SECONDS = 15


@contextlib.contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str, asyncio.AbstractEventLoop]]:
    """Have a proxy to that address for the block: it, the address through it, and the loop on which it runs."""
    address, loop = urlsplit(url), asyncio.new_event_loop()
    assert address.port is not None
    proxy, port = Proxy("broker", address.port), free_port()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(port), loop).result()
    try:
        yield proxy, address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{port}").geturl(), loop
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def queued(persona: Persona, task: str) -> str:
    return str(persona.execute(task, async_execution=True).json()["task_id"])


def completed(persona: Persona, task_id: str) -> bool:
    """Whether it is; a message that the dead connection took with it is made up for, as the sweeper would."""
    outbox.republish()
    return bool(persona.status(task_id).json()["status"] == "completed")


@pytest.mark.timeout(300)  # for a busy machine
def test_a_dead_connection_hangs_no_worker(alice: Persona, model: ScriptedModel, tmp_path: Path) -> None:
    with proxied(settings.CELERY_BROKER_URL) as (proxy, url, loop), worker(tmp_path, CELERY_BROKER_URL=url):
        assert alice.ended(queued(alice, "Before."), within=60)["status"] == "completed"

        loop.call_soon_threadsafe(partial(proxy.freeze, is_new_spared=True))
        during = queued(alice, "While the old connections are dead.")
        eventually(lambda: completed(alice, during), within=PROMISED_SECONDS)

        taken = proxy.taken
        loop.call_soon_threadsafe(proxy.freeze)
        eventually(lambda: proxy.taken > taken, within=PROMISED_SECONDS)
        loop.call_soon_threadsafe(partial(proxy.thaw, is_cut=True))
        after = queued(alice, "When all pass again.")
        eventually(lambda: completed(alice, after), within=PROMISED_SECONDS)
