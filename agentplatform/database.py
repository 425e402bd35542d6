"""The one door between the event loop and PostgreSQL.

A unit of work is a plain function that uses the ORM; it runs whole in one thread of a small pool, each with a connection of
its own. So a request costs one thread hop per unit, a process has at most DATABASE_THREADS connections for the API, and none
is held while a model thinks or a stream is open.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.utils import DatabaseError

from agentplatform.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def in_database(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one unit of database work in the pool and await its result.

    Raises Unavailable when PostgreSQL cannot be reached, and whatever `work` raises.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(run, work, *args, **kwargs))


def run(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for code that is already in a thread of its own."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise Unavailable from error
    except DatabaseError:
        connection.close_if_unusable_or_obsolete()
        raise
