"""Many requests' writes in one transaction: each waits until its own is durable, and none pays for a commit alone.

While one group is being written, those who come meanwhile make the next; so a lone write is not kept waiting, and under load a
commit is shared by as many as came in its time. What a group cannot write together is written alone, by the plain way.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log

W = TypeVar("W")
R = TypeVar("R")
MOST = 64

Waiting = tuple[W, asyncio.Future[R]]


class GroupCommit(Generic[W, R]):
    """One kind of write. `together` writes several in one transaction and gives for each its result, or None where it has to be
    written `alone`; both are run in a thread of the database's.
    """

    def __init__(self, together: Callable[[Sequence[W]], Sequence[R | None]], alone: Callable[[W], R]) -> None:
        self._together, self._alone = together, alone
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, list[Waiting[W, R]]] = WeakKeyDictionary()
        self._writing: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    async def write(self, one: W) -> R:
        """Its result, once it is durable. Raises Unavailable, and whatever `alone` raises."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        self._waiting.setdefault(loop, []).append((one, done))
        if loop not in self._writing:
            self._writing[loop] = asyncio.create_task(self._write_all(loop))
        return await done

    async def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._waiting[loop]
        try:
            while waiting:
                group, waiting[:MOST] = waiting[:MOST], []
                await self._write_group(group)
        finally:
            del self._writing[loop]

    async def _write_group(self, group: list[Waiting[W, R]]) -> None:
        results: Sequence[R | None] = [None] * len(group)
        try:
            results = await in_database(self._together, [one for one, _ in group])
        except Unavailable as error:
            for _, done in group:
                _fail(done, error)
            return
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others are written alone
            log(__name__).info("group_written_alone", count=len(group), error=type(error).__name__)
        left = []
        for (one, done), result in zip(group, results, strict=True):
            if result is None:
                left.append(self._write_alone(one, done))
            elif not done.done():
                done.set_result(result)
        if left:
            await asyncio.gather(*left)

    async def _write_alone(self, one: W, done: "asyncio.Future[R]") -> None:
        try:
            result = await in_database(self._alone, one)
        except Exception as error:  # noqa: BLE001  # it is for who waits
            _fail(done, error)
        else:
            if not done.done():
                done.set_result(result)


def _fail(done: "asyncio.Future[R]", error: Exception) -> None:
    with suppress(asyncio.InvalidStateError):
        done.set_exception(error)
