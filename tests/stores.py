"""One PostgreSQL and one Valkey for a test run, and in them a database of its own for each of its processes.

The process that starts the run starts the stores, unless DATABASE_URL and REDIS_URL name some. Every process then gets
its own PostgreSQL database, Redis user and Redis database number, and puts their addresses into its environment before
Django reads it; so its children (a worker, a management command) find the same ones. The database role must be a
superuser, as in Docker's images.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from agentplatform.embedded.stores import running_stores


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """Have both stores for the block, with their files in the folder and their addresses in the environment."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield
        return
    with running_stores(folder) as addresses:
        assert addresses.database_url is not None
        assert addresses.redis_url is not None
        os.environ |= {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url}
        yield


@contextlib.contextmanager
def own(process: str) -> Iterator[None]:
    """Make this process's empty database and its Redis user, and enter them in the environment; both go after the block.

    `process` is xdist's name for it: gw0, gw1, …
    """
    name = f"agentplatform_test_{process}"
    with _database(name), _redis_user(name, int(process.removeprefix("gw")) + 1):
        yield


@contextlib.contextmanager
def _database(name: str) -> Iterator[None]:
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        os.environ["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
        yield
        connection.execute(drop)


@contextlib.contextmanager
def _redis_user(name: str, number: int) -> Iterator[None]:
    """A user of its own lets a test lock out this process alone."""
    url, password = os.environ["REDIS_URL"], secrets.token_hex(16)
    with redis.Redis.from_url(url) as connection:
        connection.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", "~*", "&*", "+@all")
        host = urlsplit(url).netloc.rpartition("@")[2]
        os.environ["REDIS_URL"] = urlsplit(url)._replace(netloc=f"{name}:{password}@{host}", path=f"/{number}").geturl()
        yield
        connection.execute_command("ACL", "DELUSER", name)
