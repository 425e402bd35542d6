"""The time of a run, which stands still while too many clients wait: a slow machine makes a run longer, not harsher."""

import asyncio
import time


class Clock:
    """Seconds since it began, without those in which it stood."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._stood = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since - self._stood

    async def reaches(self, seconds: float) -> None:
        """Wait for a time."""
        while (left := seconds - self.seconds) > 0:  # noqa: ASYNC110  # time is no event: it may stand meanwhile
            await asyncio.sleep(min(left, 1.0))

    async def stands_until(self, waited_for: asyncio.Future[object]) -> None:
        """Stand still until something is done."""
        began = time.monotonic()
        while not waited_for.done():
            await asyncio.wait([waited_for], timeout=0.2)
            now = time.monotonic()
            self._stood += now - began
            began = now
