"""The second half of the model: which runs of three to six letters speak for an attack, whatever the words are.

Runs are hashed into one table of small weights, so unknown spellings and languages cost nothing, and a text of 4 KB takes a few
tenths of a millisecond. A run counts once in a text, and what a text has of them is divided by the root of how many it has.
Long texts are judged by their windows too, since an attack may stand in the midst of an honest document.
"""

import math
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).with_name("letters.npy")
BITS = 18
SIZES = (3, 4, 5, 6)
FEWEST = 160
"""Runs below which a text says less: two words are no proof of anything."""
WINDOW = 400
STEP = 100
OPPORTUNITIES = 0.4
"""How much each doubling, and so on, of a text's windows takes away: the more there are, the higher is their best by chance."""
PRIME = np.uint64(1_099_511_628_211)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
LOW = np.uint64(0xFFFFFFFFFFFF)
Places = NDArray[np.int64]

_scratch = threading.local()


@dataclass(frozen=True, slots=True)
class Letters:
    """Weights by hash, `scale` of which make one unit, and the bias."""

    table: NDArray[np.int8]
    scale: float
    bias: float

    def strength(self, normal: str) -> float:
        """How strongly a normalised text reads as an attack, without bounds."""
        raw = spelt(normal)
        places = hashed(raw)
        if not places:
            return self.bias
        every = np.concatenate(places)
        is_last = _is_last(every)
        weights = self.table[every] * is_last
        best = float(weights.sum()) / max(FEWEST, float(is_last.sum())) ** 0.5
        if len(raw) > 1.5 * WINDOW:
            strongest, count = _best_window(len(raw), places, weights, is_last)
            best = max(best, strongest - self.scale * OPPORTUNITIES * math.log(count))
        return float(self.bias + best / self.scale)


def spelt(normal: str) -> bytes:
    """The text's bytes with single spaces, and one at both ends."""
    return f" {' '.join(normal.split())} ".encode(errors="replace")


def hashed(raw: bytes) -> list[Places]:
    """The places in the table of all runs, by their sizes, each in the order of the text."""
    letters = np.frombuffer(raw, dtype=np.uint8).astype(np.uint64)
    found = []
    for size in SIZES:
        count = len(letters) - size + 1
        if count < 1:
            break
        mixed = np.zeros(count, dtype=np.uint64)
        for at in range(size):
            mixed *= PRIME
            mixed += letters[at : count + at] + np.uint64(977 * size)
            mixed &= LOW
        mixed ^= mixed >> np.uint64(17)
        found.append((mixed * GOLDEN >> np.uint64(64 - BITS)).astype(np.int64))
    return found


def _is_last(places: Places) -> NDArray[np.bool_]:
    """Whether a run does not come again: each counts once. The table of last places is written over, not cleared."""
    if not hasattr(_scratch, "last"):
        _scratch.last = np.zeros(1 << BITS, dtype=np.int32)
    order = np.arange(len(places), dtype=np.int32)
    _scratch.last[places] = order
    found: NDArray[np.bool_] = _scratch.last[places] == order
    return found


def letters_of(scale: float, bias: float) -> Letters:
    """The weights that are part of this release."""
    return Letters(_table(), scale, bias)


def _best_window(
    length: int, places: list[Places], weights: NDArray[np.int8], is_last: NDArray[np.bool_]
) -> tuple[float, int]:
    """The strength of the strongest window, and how many there are."""
    sums, counts, done = np.zeros(length + 1), np.zeros(length + 1), 0
    for own in places:
        own_range = slice(done, done + len(own))
        sums[1 : len(own) + 1] += weights[own_range]
        counts[1 : len(own) + 1] += is_last[own_range]
        done += len(own)
    sums, counts = sums.cumsum(), counts.cumsum()
    starts = np.arange(0, max(1, length - WINDOW + STEP), STEP)
    ends = np.minimum(starts + WINDOW, length)
    strengths = (sums[ends] - sums[starts]) / np.sqrt(np.maximum(counts[ends] - counts[starts], FEWEST))
    return float(strengths.max()), len(starts)


@cache
def _table() -> NDArray[np.int8]:
    found: NDArray[np.int8] = np.load(TABLE)
    return found
