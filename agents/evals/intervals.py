"""How sure a share or a mean is, and whether two differ: 95 % intervals."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959964
"""The normal distribution's 97.5 % point."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the interval in which it lies 95 times of a hundred."""

    at: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether a difference is one: nought is outside."""
        return self.low > 0 or self.high < 0

    @property
    def percent(self) -> str:
        """A share's interval, as people read it."""
        return f"{self.low:.0%} to {self.high:.0%}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Values by their number, mean and variance, as a database counts them."""

    count: int
    mean: float
    variance: float = 0.0


def share(hits: int, of: int) -> Interval | None:
    """A share by Wilson's score interval, which holds for few and for extreme ones; None of nothing."""
    if not of:
        return None
    at, square = hits / of, Z * Z
    middle = (at + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * sqrt(at * (1 - at) / of + square / (4 * of * of))
    return Interval(at, max(0.0, middle - half), min(1.0, middle + half))


def share_difference(new: Interval | None, old: Interval | None) -> Interval | None:
    """New minus old, of two independent shares: Newcombe's hybrid score interval (Statist. Med. 17, 1998, method 10)."""
    if new is None or old is None:
        return None
    at = new.at - old.at
    low = at - sqrt((new.at - new.low) ** 2 + (old.high - old.at) ** 2)
    high = at + sqrt((new.high - new.at) ** 2 + (old.at - old.low) ** 2)
    return Interval(at, low, high)


def mean_difference(new: Sample, old: Sample) -> Interval | None:
    """New minus old, of two independent means, by the normal approximation; None with fewer than two of either."""
    if new.count < 2 or old.count < 2:
        return None
    at, half = new.mean - old.mean, Z * sqrt(new.variance / new.count + old.variance / old.count)
    return Interval(at, at - half, at + half)
