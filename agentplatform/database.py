"""The one door between the event loop and PostgreSQL.

A unit of work is a plain function that uses the ORM; it runs whole in one thread of a small pool, each with a connection of
its own. So a request costs one thread hop per unit, a process has at most DATABASE_THREADS connections for the API, and none
is held while a model thinks or a stream is open.
"""

import asyncio
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.utils import DatabaseError

from agentplatform.errors import Unavailable

TRUSTED_SECONDS = 1.0
"""For so long after its last use a connection is taken to be well: asking it each time would be a round trip per unit."""

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def in_database(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one unit of database work in the pool and await its result.

    Raises Unavailable when PostgreSQL cannot be reached, and whatever `work` raises.
    """
    here = copy_context()  # so that log lines from there name the same request and task
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(here.run, run, work, *args, **kwargs))


def run(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for code that is already in a thread of its own."""
    _look_after_connection()
    try:
        return work(*args, **kwargs)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise Unavailable from error
    except DatabaseError:
        connection.close_if_unusable_or_obsolete()
        raise


_used = threading.local()


def _look_after_connection() -> None:
    """Close this thread's connection where it is broken or too old, which the first query then finds out."""
    now = time.monotonic()
    if now - getattr(_used, "at", 0.0) > TRUSTED_SECONDS or connection.errors_occurred or _was_told_something():
        close_old_connections()
    _used.at = now


def _was_told_something() -> bool:
    """Whether the server has spoken on an idle connection: it does so when it ends it."""
    raw = connection.connection
    if raw is None or raw.closed:
        return True
    waiting = select.poll()
    waiting.register(raw.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
