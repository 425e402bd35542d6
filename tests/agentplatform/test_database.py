import asyncio
import threading

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import Client, Tier
from agentplatform.database import in_database, run
from agentplatform.errors import Unavailable
from tests.fixtures import World
from tests.outages import postgres_away

pytestmark = pytest.mark.usefixtures("database")


def backend() -> tuple[str, int]:
    """The thread's name and PostgreSQL's process for its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_sleep(0.02)")
        return threading.current_thread().name, cursor.fetchone()[0]


def test_work_runs_in_a_thread_of_the_pool() -> None:
    name, _ = asyncio.run(in_database(backend))
    assert name.startswith("database")


def test_it_passes_arguments_and_gives_the_answer() -> None:
    assert asyncio.run(in_database(pow, 2, exp=3, mod=5)) == 3


def test_a_process_has_at_most_as_many_connections_as_threads() -> None:
    async def many() -> set[tuple[str, int]]:
        return set(await asyncio.gather(*(in_database(backend) for _ in range(settings.DATABASE_THREADS * 4))))

    first, second = asyncio.run(many()), asyncio.run(many())
    assert len(first | second) <= settings.DATABASE_THREADS
    assert first & second, "connections are kept"


def test_the_event_loop_goes_on_meanwhile() -> None:
    async def both() -> int:
        work = asyncio.ensure_future(in_database(backend))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(both()) > 1


def test_what_is_committed_is_seen_by_everybody() -> None:
    tier = Tier.objects.get(slug="basic")
    asyncio.run(in_database(Client.objects.create, name="new", tier=tier))
    assert Client.objects.filter(name="new").exists()


def test_an_error_of_the_work_comes_out_and_leaves_the_connection_usable() -> None:
    def clash() -> None:
        with transaction.atomic():
            Client.objects.update(name="the same")

    async def clash_and_go_on() -> int:
        with pytest.raises(IntegrityError):
            await in_database(clash)
        return await in_database(Client.objects.count)

    assert asyncio.run(clash_and_go_on()) >= 2


def test_a_database_that_is_away_is_unavailable_and_then_well_again() -> None:
    async def away() -> None:
        await in_database(Client.objects.count)
        with postgres_away():
            for _ in range(settings.DATABASE_THREADS + 1):
                with pytest.raises(Unavailable):
                    await in_database(Client.objects.count)

    asyncio.run(away())
    for _ in range(settings.DATABASE_THREADS + 1):
        assert asyncio.run(in_database(Client.objects.count)) >= 2


def test_a_connection_cut_between_two_calls_costs_nobody_an_error() -> None:
    assert run(Client.objects.count) >= 2
    with postgres_away():
        pass
    assert run(Client.objects.count) >= 2


def test_a_connection_cut_in_the_middle_is_unavailable() -> None:
    def cut_itself() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        run(cut_itself)
    assert run(Client.objects.count) >= 2


def test_each_test_finds_the_same_database(database: World) -> None:
    Tier.objects.update(requests=F("requests") + 1)
    Client.objects.filter(keys__pk=database.keys["alice"].key_id).update(is_active=False)
    database.baseline.restore()
    assert Tier.objects.get(slug="premium").requests == 100
    assert Client.objects.get(keys__pk=database.keys["alice"].key_id).is_active
