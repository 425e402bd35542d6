"""When to try again, and after which pause. Pure: it neither sends nor waits.

A connection that failed, and what the server says is away for the moment, is tried again for `retry_for` seconds, after random,
growing pauses ("full jitter": from 0 to a doubling bound) and never before `Retry-After`. A server that this client has never
reached is tried for `connect_for` seconds only: its address may be wrong. A request that may have arrived is sent again only
where done twice is as done once.
"""

import random
from dataclasses import dataclass, field

from agentplatform_client._requests import Request
from agentplatform_client._settings import Settings
from agentplatform_client.errors import AgentplatformError, ConnectionFailed, RateLimited, Unavailable

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Retry:
    """What `on_retry` is told: in how many seconds something is tried again, for which time, and why."""

    seconds: float
    attempt: int
    reason: AgentplatformError


@dataclass
class Patience:
    """One call's patience. `began` is when its first try in a row failed, by a monotonic clock, in seconds."""

    settings: Settings
    attempt: int = 0
    began: float = 0.0
    _random: random.Random = field(default_factory=random.SystemRandom, repr=False)

    def reset(self) -> None:
        """Something worked: the next failure is a first one."""
        self.attempt = 0

    def pause(self, error: AgentplatformError, request: Request, *, now: float, was_reached: bool) -> float | None:
        """Seconds to wait before the next try; None when the error stands."""
        if not _may_pass(error, request):
            return None
        if self.attempt == 0:
            self.began = now
        self.attempt += 1
        bound = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self.attempt - 1, 10))
        seconds = self._random.uniform(0, bound)
        if isinstance(error, RateLimited | Unavailable) and error.retry_after is not None:
            # Those who were told the same moment do not come all at once.
            seconds += error.retry_after
        most = self.settings.retry_for if was_reached else min(self.settings.retry_for, self.settings.connect_for)
        return None if now - self.began + seconds > most else seconds


def _may_pass(error: AgentplatformError, request: Request) -> bool:
    match error:
        case RateLimited():
            return True
        case Unavailable():
            return request.is_repeatable or error.code == "unavailable"  # the platform's own word that nothing was done
        case ConnectionFailed():
            return request.is_repeatable or not error.is_sent
    return False
