"""A deploy: this process is told to stop, so it takes no more tasks, and those it runs go on elsewhere.

A run ends the step it is at, for STEP_SECONDS at most, and is handed over. Streams and long-polls end shortly after; their
clients come back and are served by another process.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agentplatform.errors import Unavailable
from agentplatform.logs import log

STEP_SECONDS = 5.0
FOLLOW_SECONDS = STEP_SECONDS + 1.0


class Draining(Unavailable):
    """This process is about to stop; another one will answer the same request."""

    def __init__(self) -> None:
        super().__init__("This server is being replaced; send the request again.")


@dataclass(frozen=True, eq=False, slots=True)
class _Listener:
    loop: asyncio.AbstractEventLoop
    on_begin: Callable[[], object]


_begun = threading.Event()
_listeners: set[_Listener] = set()
_lock = threading.Lock()


def begin() -> None:
    """Stop soon. Safe to call from a signal's handler, and more than once."""
    # Not here, where a signal may have interrupted somebody who holds the lock.
    threading.Thread(target=_begin, name="draining", daemon=True).start()


def has_begun() -> bool:
    """Whether this process takes no more tasks."""
    return _begun.is_set()


@contextmanager
def heard(on_begin: Callable[[], object]) -> Iterator[None]:
    """Have `on_begin` called on this event loop when draining begins within the block, at once when it has begun."""
    listener = _Listener(asyncio.get_running_loop(), on_begin)
    with _lock:
        _listeners.add(listener)
    if has_begun():
        on_begin()
    try:
        yield
    finally:
        with _lock:
            _listeners.discard(listener)


@contextmanager
def interrupting() -> Iterator[None]:
    """Leave the block when draining begins, with Draining: for waits that may be long and lose nothing."""
    task = asyncio.current_task()
    is_interrupted = False

    def interrupt() -> None:
        nonlocal is_interrupted
        if task is not None and not is_interrupted:
            is_interrupted = True
            task.cancel()

    with heard(interrupt):
        try:
            yield
        except asyncio.CancelledError:
            if is_interrupted and task is not None and task.uncancel() == 0:
                raise Draining from None
            raise


def forget() -> None:
    """Be as a process that nobody told to stop."""
    _begun.clear()


def _begin() -> None:
    with _lock:
        if _begun.is_set():
            return
        _begun.set()
        told = list(_listeners)
    log(__name__).info("draining_began")
    for listener in told:
        if not listener.loop.is_closed():
            listener.loop.call_soon_threadsafe(listener.on_begin)
