"""The fixtures that tests share.

api                      the server without a key; alice, bob and charlie with theirs (see tests/api.py)
newcomer(...)            one more client, of any tier, with any key
operator                 Django's test client, logged in to the console
model                    the scripted model (see tests/scripted_model.py)
worker                   a Celery worker on the real broker, in threads of this process
outside                  somebody else's server, which tools may reach (see tests/outside.py)
database                 for tests that use the ORM without any of the above
logs                     log events since the test began
counted(name, **labels)  by how much a metric grew since the test began
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

import django.test
import httpx
import hypothesis
import kombu.exceptions
import pytest
import redis
from celery.contrib.testing.worker import start_worker
from celery.worker import state
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoDbBlocker, Settings

from agentplatform.celery import app as celery_app
from agentplatform.database import run as in_this_thread
from agentplatform.errors import Unavailable
from agents import outbox, running
from tests import personas, process_state
from tests.api import Api, Persona
from tests.baseline import Baseline
from tests.conftest import scripted_model
from tests.outside import OutsideServer
from tests.outside import serving as serving_outside
from tests.scripted_model import ScriptedModel
from tests.server import serving
from tests.waiting import eventually

# A machine that is busy with other things is no reason to fail.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


@dataclass(frozen=True)
class World:
    """What is made once a process: the filled database's rows, and the keys of those who appear."""

    baseline: Baseline
    keys: dict[str, personas.Identity]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> World:
    """Migrate and fill the database; from here on every thread of the process may use it."""
    django_db_blocker.unblock()
    call_command("bootstrap")
    keys = personas.invite()
    return World(Baseline(os.environ["DATABASE_URL"]), keys)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Redis]:
    """Redis as this process's tests share it."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    # Here, so that tests without the server do not wait for it.
    from agentplatform.asgi import application

    with serving(application) as url:
        yield url


@pytest.fixture(scope="session")
def transport() -> Iterator[httpx.HTTPTransport]:
    """One pool of connections for all clients."""
    with httpx.HTTPTransport(verify=False) as transport:
        yield transport


@pytest.fixture
def database(django_db_setup: World, redis_server: redis.Redis) -> Iterator[World]:
    """Both stores and this process's memory as they were when the run began."""
    django_db_setup.baseline.restore()
    redis_server.flushdb()
    process_state.forget()
    yield django_db_setup
    connections.close_all()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[ScriptedModel]:
    """The provider, with an empty script."""
    model = request.config.stash[scripted_model]
    model.reset()
    yield model
    model.reset()
    # What the test has left running would put its answer into the cache of the next.
    with contextlib.suppress(AssertionError):
        eventually(lambda: not running._detached, within=5)


@pytest.fixture
def api(database: World, model: ScriptedModel, server_url: str, transport: httpx.HTTPTransport) -> Api:
    """A client of the server that has no key."""
    return Api(server_url, transport)


@pytest.fixture
def persona(api: Api, server_url: str, transport: httpx.HTTPTransport) -> Callable[[personas.Identity], Persona]:
    return lambda identity: Persona(server_url, transport, identity.secret, identity.key_id)


@pytest.fixture
def alice(persona: Callable[[personas.Identity], Persona], database: World) -> Persona:
    return persona(database.keys["alice"])


@pytest.fixture
def bob(persona: Callable[[personas.Identity], Persona], database: World) -> Persona:
    """Another key of Alice's client."""
    return persona(database.keys["bob"])


@pytest.fixture
def charlie(persona: Callable[[personas.Identity], Persona], database: World) -> Persona:
    """A client that is not Alice's."""
    return persona(database.keys["charlie"])


@pytest.fixture
def newcomer(persona: Callable[[personas.Identity], Persona]) -> Callable[..., Persona]:
    """`newcomer("dora", tier="basic", scopes=["read"])`: one more client with a key; further fields are the key's."""
    return lambda name="dora", **fields: persona(personas.new_client(name, **fields))


@pytest.fixture
def nobody_locked_out(database: World) -> Iterator[None]:
    """No operator's name is locked when a test begins, or after it."""
    locks = cast(Any, cache)  # django-redis has more than Django's own
    locks.delete_pattern("*axes*")
    yield
    locks.delete_pattern("*axes*")


@pytest.fixture
def operator(database: World) -> django.test.Client:
    """A superuser's session in the console, without HTTP."""
    client = django.test.Client()
    client.force_login(User.objects.get(username=personas.OPERATOR))
    return client


@pytest.fixture
def worker(database: World, model: ScriptedModel) -> Iterator[None]:
    """A Celery worker that takes jobs until the test ends, and the sweeper's reminders of messages that got lost."""
    ended = threading.Event()
    reminding = threading.Thread(target=_remind, args=(ended,))
    reminding.start()
    with start_worker(celery_app, pool="threads", concurrency=8, perform_ping_check=False, loglevel="INFO") as running:
        yield
        ended.set()
        reminding.join()
        # It would look only once a second whether it is to stop.
        vars(state)["should_terminate"] = 0
        hub: Any = running.hub
        hub.call_soon(int)


def _remind(ended: threading.Event) -> None:
    """A worker that stops may take a message with it; on the platform as well, the outbox makes up for that."""
    while not ended.wait(1):
        with contextlib.suppress(Unavailable, kombu.exceptions.OperationalError):
            in_this_thread(outbox.republish)
    connections.close_all()


@pytest.fixture
def outside(settings: Settings) -> Iterator[OutsideServer]:
    """A server that an operator has permitted."""
    with serving_outside() as server:
        settings.EGRESS_ALLOWED = [f"127.0.0.1:{server.port}"]
        yield server


class Logs(logging.Handler):
    """What was logged. `text` is all of it as an operator reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.formatter = logging.getLogger().handlers[0].formatter

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of this name, with their fields."""
        structured = [record.msg for record in self.records if isinstance(record.msg, dict)]
        return [event for event in structured if event["event"] == name]

    @property
    def text(self) -> str:
        return "\n".join(map(self.format, self.records))


@pytest.fixture
def logs() -> Iterator[Logs]:
    logs, root = Logs(), logging.getLogger()
    root.addHandler(logs)
    yield logs
    root.removeHandler(logs)


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Counted(Protocol):
    """`counted("agent_requests_total", status="200")`: the growth, summed over the labels that are not named."""

    def __call__(self, name: str, /, **labels: str) -> float: ...


@pytest.fixture
def counted(api: Api) -> Counted:
    return partial(_growth, api, _samples(api))


def _samples(api: Api) -> Samples:
    families = text_string_to_metric_families(api.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def _growth(api: Api, before: Samples, name: str, /, **labels: str) -> float:
    return sum(
        value - before.get((metric, found), 0.0)
        for (metric, found), value in _samples(api).items()
        if metric == name and labels.items() <= found
    )
