"""Plain functions beside the event loop: each in a thread of its own, which nobody waits for when the process ends.

They may wait for models for minutes; in a shared pool, a few of them would keep all others from running.
"""

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any


async def in_own_thread(call: Callable[[], Any], name: str) -> Any:
    """What the call returns or raises."""
    loop, here = asyncio.get_running_loop(), copy_context()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return  # nobody waits any more
        if error is None:
            done.set_result(result)
        else:
            # A future takes no StopIteration.
            done.set_exception(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)

    def work() -> None:
        result, error = None, None
        try:
            result = here.run(call)
        except BaseException as raised:  # noqa: BLE001  # it is told where it is awaited
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await done
