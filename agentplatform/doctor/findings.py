"""What a check says."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; a problem keeps somebody from working, a warning will."""

    OK = 0
    WARNING = 1
    PROBLEM = 2

    @property
    def word(self) -> str:
        """The level in lower case."""
        return self.name.lower()

    @property
    def verdict(self) -> str:
        """What it means when this is the worst that was found."""
        return VERDICTS[self]


VERDICTS = {
    Level.OK: "All is well.",
    Level.WARNING: "It works, but somebody should look at the warnings.",
    Level.PROBLEM: "Something does not work.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one thing, what to do about it, and the remedy that a button may apply, by its name in DOCTOR_REMEDIES."""

    level: Level
    said: str
    advice: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A check, what it found, and how long that took."""

    name: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        return worst(self.findings)


def ok(said: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, said)


def warning(said: str, advice: str, remedy: str = "") -> Finding:
    """Somebody should look, not at once."""
    return Finding(Level.WARNING, said, advice, remedy)


def problem(said: str, advice: str, remedy: str = "") -> Finding:
    """Something does not work."""
    return Finding(Level.PROBLEM, said, advice, remedy)


def worst(findings: Iterable[Finding | Examined]) -> Level:
    """The highest level among them; OK of none."""
    return max((found.level for found in findings), default=Level.OK)
