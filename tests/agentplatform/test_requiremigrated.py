"""`manage.py requiremigrated`."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder

from tests.fixtures import World
from tests.outages import postgres_away


@pytest.fixture
def migrations(database: World) -> Iterator[type[MigrationRecorder.Migration]]:
    """What is recorded as applied, for changing: the table itself is no part of what each test finds anew."""
    with transaction.atomic():
        yield MigrationRecorder.Migration
        transaction.set_rollback(True)


def test_it_lets_a_current_database_pass(database: World) -> None:
    call_command("requiremigrated")


def test_it_lets_a_database_pass_that_is_ahead(migrations: type[MigrationRecorder.Migration]) -> None:
    migrations.objects.create(app="agents", name="9999_from_the_future")

    call_command("requiremigrated")


def test_it_refuses_a_half_migrated_one(migrations: type[MigrationRecorder.Migration]) -> None:
    last = migrations.objects.filter(app="agents").latest("id")
    last.delete()

    with pytest.raises(CommandError, match=rf"lacks migrations of this version \(agents\.{last.name}\)") as refused:
        call_command("requiremigrated")
    assert "docker compose run --rm migrate" in str(refused.value)


def test_it_names_a_few_of_many(migrations: type[MigrationRecorder.Migration]) -> None:
    migrations.objects.all().delete()

    with pytest.raises(CommandError, match=r"\(accounts\.0001_initial, .* and \d+ more\)"):
        call_command("requiremigrated")


def test_it_says_that_the_database_is_away(database: World) -> None:
    with postgres_away(), pytest.raises(CommandError, match="DATABASE_URL: the database does not answer"):
        call_command("requiremigrated")
