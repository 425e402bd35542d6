"""A store that is away, for this test process alone: its own database lets nobody in, its own Redis user is locked out."""

import contextlib
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import redis
from django.conf import settings
from django.db import connections
from django_redis import get_redis_connection
from psycopg import sql

from agentplatform import redis as platform_redis
from tests.waiting import eventually

# The platform's connections have its name; the tests' own do not.
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'agentplatform'"


@contextlib.contextmanager
def postgres_away() -> Iterator[None]:
    """Cut all connections to the test database, and refuse new ones for the block."""
    address = urlsplit(settings.DATABASE_URL)
    name = address.path.removeprefix("/")
    admission = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(address._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(admission.format(sql.Identifier(name), sql.SQL("false")))
        try:
            connection.execute(CUT, [name])
            yield
        finally:
            connection.execute(admission.format(sql.Identifier(name), sql.SQL("true")))
            connections.close_all()


@contextlib.contextmanager
def redis_away() -> Iterator[None]:
    """Cut all of this process's connections to Redis, and refuse new ones for the block."""
    user = urlsplit(settings.REDIS_URL).username
    with redis.Redis.from_url(settings.REDIS_URL) as connection:
        connection.execute_command("ACL", "SETUSER", user, "off")
        try:
            # This connection itself is spared, or nobody could undo it.
            connection.execute_command("CLIENT", "KILL", "USER", user, "SKIPME", "yes")
            yield
        finally:
            connection.execute_command("ACL", "SETUSER", user, "on")
    # Of its idle connections django-redis would notice the loss at the next use, and lose that one.
    get_redis_connection("default").connection_pool.disconnect()
    # What was under way when it came back may still fail, and keep this process away for a moment.
    eventually(lambda: time.monotonic() > platform_redis._away_until)
