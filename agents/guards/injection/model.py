"""The model: what a text says (words and concepts) and how it is written (runs of letters), added up.

Of words and concepts no weight is negative, so nothing that is added to an attack, however honest, can speak against what it
says; of letters the strongest window counts.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from operator import sub
from pathlib import Path
from typing import NamedTuple

from agents.guards.injection.features import Feature, features
from agents.guards.injection.letters import Letters, letters_of
from agents.guards.injection.reading import Reading

WEIGHTS = Path(__file__).with_name("weights.tsv")
WINDOW = 24
STEP = WINDOW // 2
FULL_LENGTH = 64
"""Words from which a text no longer counts as short: a short one is all said where a long one only touches a thing."""
OPPORTUNITIES = 0.5
"""How much each doubling, and so on, of a text's windows takes away: the more there are, the higher is their best by chance."""
SAID = 0.6
"""How much what a text says counts beside how it is written; of 0.2 to 1 the best on examples that taught neither half."""
FLAGGED_WORDS, BLOCKED_WORDS = 3, 4
"""Words that it takes at least: names of fields, such as secret_key, ask for nothing."""
HAIR = 0.1
OTHER_KIND = "attack_pattern"
FLAG_FROM = 0.5
BLOCK_FROM = 0.8


class Finding(NamedTuple):
    """How strongly a text reads as an attack, without bounds, and the kinds of attack, the strongest first."""

    strength: float
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """Weights in hundredths by feature. `shortness` is the weight of a text's being short."""

    bias: float
    shortness: float
    flag_from: float
    block_from: float
    numbers: dict[Feature, int]
    weights: Sequence[int]
    kinds: Sequence[str]
    letters: Letters
    meta: dict[str, object] = field(default_factory=dict)

    def find(self, reading: Reading, normal: str) -> Finding:
        """Judge a normalised text that was read."""
        said = self.said(reading)
        strength = SAID * said.strength + self.letters.strength(normal)
        words = len(reading.words)
        if words < FLAGGED_WORDS:
            strength = min(strength, self.flag_from - HAIR)
        elif words < BLOCKED_WORDS:
            strength = min(strength, self.block_from - HAIR)
        return Finding(strength, said.kinds or (OTHER_KIND,))

    def said(self, reading: Reading) -> Finding:
        """Judge what a text says."""
        length = len(reading.words)
        found = once(features(reading, self.numbers.get))
        by_place = [0] * (length + 1)
        for at, number in found:
            by_place[at + 1] += self.weights[number]
        sums = list(accumulate(by_place))
        starts = range(0, max(1, length - STEP), STEP)
        windows = list(
            map(sub, (sums[min(start + WINDOW, length)] for start in starts), (sums[start] for start in starts))
        )
        best = max(windows)
        if not best:
            return Finding(self.bias)
        strength = self.bias + best / 100 + self.shortness * shortness(length) - OPPORTUNITIES * math.log(len(windows))
        return Finding(strength, self._kinds(found, starts[windows.index(best)]))

    def _kinds(self, found: Iterable[tuple[int, int]], start: int) -> tuple[str, ...]:
        votes: dict[str, int] = {}
        for at, number in found:
            if start <= at < start + WINDOW:
                kind = self.kinds[number]
                votes[kind] = votes.get(kind, 0) + self.weights[number]
        return tuple(sorted(votes, key=lambda kind: (kind == OTHER_KIND, -votes[kind], kind))[:3])

    def score(self, strength: float) -> float:
        """A strength between 0 and 1: FLAG_FROM where flags begin, BLOCK_FROM where blocks do."""
        slope = math.log(BLOCK_FROM / (1 - BLOCK_FROM)) / (self.block_from - self.flag_from)
        return 1 / (1 + math.exp(max(-50.0, -slope * (strength - self.flag_from))))


def shortness(words: int) -> float:
    """0 for a text of some length, more for a shorter one."""
    return math.log((FULL_LENGTH + 4) / (min(words, FULL_LENGTH) + 4))


def once(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same features without those that repeat within a window: saying a thing twice says no more."""
    last: dict[int, int] = {}
    kept = []
    for at, number in sorted(found):
        if at - last.get(number, -WINDOW) >= WINDOW:
            last[number] = at
            kept.append((at, number))
    return kept


def loaded(path: Path = WEIGHTS) -> Model:
    """The model of a file: a line of JSON with what holds for all, then `weight`, `kind` and the feature in each line."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    numbers: dict[Feature, int] = {}
    weights = [0]
    kinds = [OTHER_KIND]
    for line in lines:
        weight, kind, written = line.split("\t")
        parts = tuple(written.split(" "))
        numbers[parts if len(parts) > 1 else parts[0]] = len(weights)
        weights.append(int(weight))
        kinds.append(kind or OTHER_KIND)
    meta = json.loads(head)
    letters = letters_of(meta["letters_scale"], meta["letters_bias"])
    return Model(
        meta["bias"], meta["shortness"], meta["flag_from"], meta["block_from"], numbers, weights, kinds, letters, meta
    )


@cache
def shipped() -> Model:
    """The model that is part of this release, read once."""
    return loaded()
