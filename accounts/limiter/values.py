"""What is asked of the limiter, and what it answers. Times are microseconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agentplatform.redis import key

Name = Literal["requests", "estimates", "calls", "tokens", "concurrency", "daily_requests"]
Kind = Literal["log", "tokens", "slots", "day"]
Step = Literal["take", "look", "back", "settle", "hold"]

KINDS: dict[Name, Kind] = {
    "requests": "log",
    "estimates": "log",
    "calls": "log",
    "tokens": "tokens",
    "concurrency": "slots",
    "daily_requests": "day",
}
DAY_SECONDS = 86_400
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` of what `name` counts in any window; for runs at once, `window_seconds` is a slot's lease.

    `owner` says whose charges, `holder` the same for people.
    """

    name: Name
    limit: int
    window_seconds: int
    owner: str
    holder: str

    @property
    def kind(self) -> Kind:
        """How the charges of this limit are kept."""
        return KINDS[self.name]

    @property
    def log(self) -> str:
        """The Redis key of its charges."""
        return key("limit", self.owner, self.name)

    @property
    def span_us(self) -> int:
        return self.window_seconds * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call takes from every limit: `tokens` of token limits, one of all others. `id` names it for later steps.

    `at_us` is the limiter's time at which it was taken, for giving it back.
    """

    id: str = ""
    tokens: int = 0
    at_us: int = 0

    def amount(self, limit: Limit) -> int:
        """How much of this limit."""
        return self.tokens if limit.kind == "tokens" else 1


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a limit is used, when more of it comes free (0 when none is used), and whether it was what refused."""

    used: int
    reset_us: int
    refuses: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the charge is admitted, at what time of the limiter's clock, and each limit's reading after it."""

    is_admitted: bool
    at_us: int
    readings: Sequence[Reading]

    @classmethod
    def parsed(cls, answer: Sequence[int]) -> "Verdict":
        """The verdict in the script's answer."""
        admitted, at_us, *figures = answer
        return cls(bool(admitted), at_us, list(_readings(figures)))


def _readings(figures: Sequence[int]) -> Iterator[Reading]:
    for used, reset_us, refuses in zip(figures[::3], figures[1::3], figures[2::3], strict=True):
        yield Reading(used, reset_us, bool(refuses))
