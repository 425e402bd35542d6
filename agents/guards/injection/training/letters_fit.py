"""The fit of the letters' weights: a logistic regression with an L2 penalty, by Nesterov's accelerated gradient.

All sums are made in the order of the rows (`bincount`), so the same rows give the same weights.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.guards.injection.letters import BITS, FEWEST, Letters, hashed, spelt
from agents.guards.injection.normalise import normalised
from agents.guards.injection.rows import Row

LOOSENESS = 3.0
"""How much the rows count against the penalty."""
ROUNDS = 80
BIAS = 0.1
"""What stands for the bias in each row, beside the root of one over the number of its runs for each of these."""
LARGEST = 127
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LetterExample:
    """A row and the places in the table that it has."""

    row: Row
    places: NDArray[np.int64]


def letter_example(row: Row) -> LetterExample:
    """Read a row."""
    found = hashed(spelt(normalised(row.text)))
    return LetterExample(row, np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64))


def fitted_letters(examples: Sequence[LetterExample]) -> Letters:
    """Fit the weights. The same examples, in the same order, give the same ones."""
    counts = np.array([len(each.places) for each in examples])
    rows = np.repeat(np.arange(len(examples)), counts)
    places = np.concatenate([each.places for each in examples])
    values = np.repeat(1 / np.sqrt(np.maximum(counts, FEWEST)), counts)
    signs = np.array([1.0 if each.row.is_attack else -1.0 for each in examples])
    shares = LOOSENESS * _shares([each.row for each in examples])

    def products(weights: Floats) -> Floats:
        found: Floats = np.bincount(rows, weights[places] * values, len(examples)) + BIAS * weights[-1]
        return found

    def gathered(by_row: Floats) -> Floats:
        found: Floats = np.bincount(places, by_row[rows] * values, (1 << BITS) + 1).astype(np.float64)
        found[-1] = BIAS * by_row.sum()
        return found

    steepest = 0.25 * _largest(products, gathered, shares) + 1
    weights = ahead = np.zeros((1 << BITS) + 1)
    pace = 1.0
    for _ in range(ROUNDS):
        doubt = _doubt(signs, products(ahead)) * signs * shares
        before, weights = weights, ahead - (ahead - gathered(doubt)) / steepest
        if float((ahead - weights) @ (weights - before)) > 0:
            pace = 1.0  # it went too far: begin to gather speed anew
        next_pace = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = weights + (pace - 1) / next_pace * (weights - before)
        pace = next_pace
    table = weights[:-1]
    scale = LARGEST / float(np.abs(table).max())
    return Letters(np.round(table * scale).astype(np.int8), round(scale, 4), round(BIAS * float(weights[-1]), 4))


def _shares(rows: Sequence[Row]) -> Floats:
    """A source counts by the root of its size; attacks and honest texts count alike."""
    sizes = Counter((row.source, row.is_attack) for row in rows)
    shares = np.array([sizes[row.source, row.is_attack] ** -0.5 for row in rows])
    for is_attack in (True, False):
        own = np.array([row.is_attack is is_attack for row in rows])
        shares[own] *= len(rows) / (2 * shares[own].sum())
    return shares


def _doubt(signs: Floats, strengths: Floats) -> Floats:
    return np.array([1 / (1 + math.exp(min(50.0, margin))) for margin in (signs * strengths).tolist()])


def _largest(products: Callable[[Floats], Floats], gathered: Callable[[Floats], Floats], shares: Floats) -> float:
    """The largest eigenvalue of the rows' weighted products, by power iteration."""
    vector, found = np.ones((1 << BITS) + 1), 1.0
    for _ in range(12):
        vector = gathered(shares * products(vector))
        found = float(np.sqrt(vector @ vector))
        vector /= found
    return found
