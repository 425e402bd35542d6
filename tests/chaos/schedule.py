"""Which harm is done when, from a seed alone: the same seed and length give the same schedule."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

WEBS, WORKERS, SWEEPERS = ("web-1", "web-2"), ("worker-1", "worker-2"), ("sweeper-1", "sweeper-2")
POINTS = {
    "worker": (
        "before:claim", "within:claim", "after:claim", "before:append", "within:append", "after:append", "before:events",
        "after:events", "before:_look", "after:_look", "after:lease_seconds_left", "within:hand_over", "after:suspend",
    ),
    "web": (
        "before:accept", "within:accept", "after:accept", "before:append", "within:append", "after:append",
        "before:publish", "after:publish", "before:request_cancel", "within:request_cancel", "after:request_cancel",
        "after:known_request",
    ),
    "sweeper": ("before:sweep", "within:sweep", "after:sweep", "before:publish", "after:publish"),
}  # fmt: skip
BROKERS = ("broker", "database", "model", "redis")


@dataclass(frozen=True)
class Harm:
    """One thing that is done to the platform."""

    at_seconds: float
    kind: str
    target: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    def told(self) -> str:
        rest = " ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.at_seconds:7.1f} s  {self.kind:<18} {self.target:<10} {rest}".rstrip()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


# How many of a hundred.
WEIGHTS = {
    "kill": 22,
    "crash": 26,
    "freeze": 10,
    "half_open": 12,
    "flush_redis": 6,
    "restart_redis": 5,
    "restart_broker": 3,
    "restart_postgres": 5,
    "drop_messages": 5,
    "shift_clock": 3,
    "deploy": 3,
}


def schedule(seed: str, *, seconds: float, count: int, kinds: Sequence[str], has_own_broker: bool) -> list[Harm]:
    """So many pieces of harm spread over the seconds, each kind in its share, and each at least once where there is room."""
    random = Random(f"{seed}/schedule")
    weights = {kind: weight for kind, weight in WEIGHTS.items() if kind in kinds}
    if not has_own_broker:
        weights.pop("restart_broker", None)
    chosen = list(weights)[:count]
    chosen += random.choices(list(weights), list(weights.values()), k=count - len(chosen))
    random.shuffle(chosen)
    gap = seconds / max(count, 1)
    crashes = _bag(random)
    return [
        _harm(kind, round(place * gap + random.uniform(0, gap), 1), random, crashes)
        for place, kind in enumerate(chosen)
    ]


def _bag(random: Random) -> list[tuple[str, str]]:
    """Every crash point of every part, in a random order."""
    names = {"worker": WORKERS, "web": WEBS, "sweeper": SWEEPERS}
    points = [(random.choice(names[kind]), point) for kind, points in POINTS.items() for point in points]
    random.shuffle(points)
    return points


def _harm(kind: str, at: float, random: Random, crashes: list[tuple[str, str]]) -> Harm:
    match kind:
        case "kill":
            return Harm(at, kind, random.choice((*WORKERS, *WORKERS, *WEBS, *SWEEPERS)))
        case "crash":
            crashes.append(crashes.pop(0))
            part, point = crashes[-1]
            return Harm(at, kind, part, {"point": point, "nth": random.randint(1, 12)})
        case "freeze":
            seconds = random.choice((5, 15, 36, 45))
            return Harm(at, kind, random.choice((*WORKERS, *WORKERS, *WEBS, *SWEEPERS)), {"seconds": seconds})
        case "half_open":
            lasting = {"seconds": random.choice((10, 20, 40)), "is_cut": random.random() < 0.5}
            return Harm(at, kind, random.choice(BROKERS), lasting)
        case "restart_redis" | "restart_broker":
            return Harm(at, kind, arguments={"is_killed": random.random() < 0.5, "away_seconds": random.choice((1, 8))})
        case "restart_postgres":
            how = random.choice(("fast", "immediate"))
            return Harm(at, kind, arguments={"how": how, "away_seconds": random.choice((0, 5, 12))})
        case "shift_clock":
            return Harm(at, kind, random.choice((*WORKERS, *WEBS)), {"hours": random.choice((-1, 1)), "seconds": 40})
        case _:
            return Harm(at, kind)
