"""The start and the stop of one process of the web server, as ASGI's lifespan protocol tells of them."""

import signal
from collections.abc import Awaitable, Callable
from typing import Any

STOPS = (signal.SIGTERM, signal.SIGINT)


async def answer(
    receive: Any, send: Any, *, on_stop: Callable[[], object], stopped: Callable[[], Awaitable[object]]
) -> None:
    """Speak the protocol. `on_stop` is called as soon as the process is told to stop; `stopped` is awaited before it does.

    The server tells of its stop only once every open request has been answered, and those may wait for long; so the signals
    are heard here as well. The event loop of the server hears of them all the same.
    """
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            for number in STOPS:
                signal.signal(number, lambda *_: on_stop())
            await send({"type": "lifespan.startup.complete"})
        else:
            on_stop()
            await stopped()
            await send({"type": "lifespan.shutdown.complete"})
            return
