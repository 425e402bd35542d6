"""`manage.py bootstrap`, as the parts of a deployment run it: several at the same moment, on an empty database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tests.fixtures import World


@pytest.fixture
def empty_database(database: World) -> Iterator[str]:
    """The URL of a database of this test's own."""
    address = urlsplit(settings.DATABASE_URL)
    name = sql.Identifier(f"{address.path.removeprefix('/')}_empty")
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield address._replace(path=f"{address.path}_empty").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.mark.timeout(180)
def test_several_at_once_migrate_once(empty_database: str) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "manage.py", "bootstrap"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": empty_database},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in running]
    assert ended == [("", 0)] * 3
    with psycopg.connect(empty_database) as connection:
        (migrations, names) = connection.execute(
            "SELECT count(*), count(DISTINCT (app, name)) FROM django_migrations"
        ).fetchall()[0]
    assert migrations == names > 0


def test_it_refuses_a_database_that_cannot_keep_every_text(database: World) -> None:
    address = urlsplit(settings.DATABASE_URL)
    name = sql.Identifier(f"{address.path.removeprefix('/')}_ascii")
    make = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL(make).format(name))
        ended = subprocess.run(
            [sys.executable, "manage.py", "bootstrap"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": address._replace(path=f"{address.path}_ascii").geturl()},
            capture_output=True,
            text=True,
            check=False,
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert said.startswith("CommandError: DATABASE_URL: the database's encoding is SQL_ASCII; it takes UTF8.")
