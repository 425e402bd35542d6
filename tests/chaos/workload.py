"""Which tasks are sent, how and when, from a seed alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.chaos.script import TOOLS

Mode = Literal["sync", "stream", "background"]


@dataclass(frozen=True)
class Order:
    """One task as a client sends it, and what the client does then."""

    number: int
    at_seconds: float
    mode: Mode
    agent: str
    words: str
    key: str | None
    """Its Idempotency-Key. A client without one does not know what became of a request whose connection broke."""
    timeout_seconds: int
    """Long ones wait in a queue of their own. All are long enough for outages not to end them."""
    cancel_after: float | None
    vanish_after: float | None
    on_disconnect: Literal["continue", "cancel"]
    is_followed: bool
    """Whether a background task is followed by its events, or polled."""


def orders(seed: str, *, count: int, seconds: float) -> Iterator[Order]:
    """So many orders, evenly spread."""
    for number in range(1, count + 1):
        random = Random(f"{seed}/order/{number}")
        is_boss = random.random() < 0.12
        yield Order(
            number=number,
            at_seconds=(number - 1 + random.random()) * seconds / count,
            mode=random.choices(("sync", "stream", "background"), (30, 30, 40))[0],
            agent="boss" if is_boss else "solo",
            words=_parts(random) if is_boss else _steps(random),
            key=f"chaos-{seed}-{number}" if random.random() < 0.75 else None,
            timeout_seconds=random.choice((240, 300, 900)),
            cancel_after=random.uniform(0, 6) if random.random() < 0.05 else None,
            vanish_after=random.uniform(0.1, 4) if random.random() < 0.05 else None,
            on_disconnect=random.choice(("continue", "cancel")),
            is_followed=random.random() < 0.5,
        )


def _steps(random: Random) -> str:
    tools = random.choices(TOOLS, (5, 3, 3), k=random.choices((0, 1, 2, 4), (35, 35, 20, 10))[0])
    return " ".join([*tools, "say"])


def _parts(random: Random) -> str:
    return " | ".join(_steps(random) for _ in range(random.randint(2, 3)))
