"""A circuit breaker a provider: one that keeps failing is left alone for a while, and calls fail at once instead of waiting.

Each process counts for itself, in memory: it learns of an outage within its own next calls, and asks no store about it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings

from agentplatform import metrics
from agentplatform.logs import log


class Open(Exception):
    """The provider is not asked now; the next try is in so many seconds."""

    def __init__(self, seconds_left: float) -> None:
        super().__init__(f"not asked for another {seconds_left:.1f} s")
        self.seconds_left = seconds_left


class Breaker:
    """Opens after so many failures in a row within the window, then lets one call through each time `open_seconds` are over.

    That one decides: an answer closes it, a failure keeps it open; calls that began before it opened change nothing.
    One that ends neither way (cancelled, or still hanging after `open_seconds`) leaves its place to the next.
    """

    def __init__(
        self,
        *,
        failures: int,
        window_seconds: float,
        open_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[bool], None] = lambda _is_open: None,
    ) -> None:
        self.window_seconds = window_seconds
        self.open_seconds = open_seconds
        self._clock = clock
        self._on_change = on_change
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._next_try_at: float | None = None
        self._probe: object = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the provider was last seen failing; a probe may be under way."""
        return self._next_try_at is not None

    @contextmanager
    def guard(self, outage: type[Exception]) -> Iterator[None]:
        """Let a call through and learn from its end: `outage` is a failure, any other answer or error none. Raises Open."""
        call = self._admit()
        try:
            yield
        except outage:
            self._failed(call)
            raise
        except Exception:
            self._answered(call)
            raise
        except BaseException:  # cancelled: it tells nothing of the provider
            self._gave_up(call)
            raise
        else:
            self._answered(call)

    def _admit(self) -> object:
        call = object()
        with self._lock:
            if self._next_try_at is not None:
                now = self._clock()
                if now < self._next_try_at:
                    raise Open(self._next_try_at - now)
                self._probe, self._next_try_at = call, now + self.open_seconds
        return call

    def _answered(self, call: object) -> None:
        with self._lock:
            is_closing = self._next_try_at is not None and call is self._probe
            if is_closing:
                self._next_try_at = self._probe = None
            if self._next_try_at is None:
                self._failed_at.clear()
        if is_closing:
            self._on_change(False)

    def _failed(self, call: object) -> None:
        with self._lock:
            now = self._clock()
            is_opening = False
            if self._next_try_at is None:
                self._failed_at.append(now)
                is_opening = (
                    len(self._failed_at) == self._failed_at.maxlen and now - self._failed_at[0] <= self.window_seconds
                )
            if is_opening or call is self._probe:
                self._next_try_at, self._probe = now + self.open_seconds, None
        if is_opening:
            self._on_change(True)

    def _gave_up(self, call: object) -> None:
        with self._lock:
            if call is self._probe:
                self._next_try_at, self._probe = self._clock(), None


_breakers: dict[str, Breaker] = {}


def of(base_url: str) -> Breaker:
    """The provider's breaker in this process."""
    if (found := _breakers.get(base_url)) is None:
        found = _breakers[base_url] = Breaker(
            failures=settings.BREAKER_FAILURES,
            window_seconds=settings.BREAKER_WINDOW_SECONDS,
            open_seconds=settings.BREAKER_OPEN_SECONDS,
            on_change=partial(_report, label(base_url)),
        )
    return found


def label(base_url: str) -> str:
    """The provider's name in metrics and logs: its host, without port, path or credentials."""
    return urlsplit(base_url).hostname or "unknown"


def forget() -> None:
    """Drop what this process knows of all providers."""
    _breakers.clear()


def _report(provider: str, is_open: bool) -> None:
    if is_open:
        metrics.breaker_opened_total.labels(provider).inc()
        log(__name__).warning("breaker_opened", provider=provider)
    else:
        log(__name__).info("breaker_closed", provider=provider)
