"""How well the detector does on sources that it has not seen: each is left out of a fit and judged by it."""

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from agents.guards.injection.model import Model
from agents.guards.injection.normalise import normalised
from agents.guards.injection.reading import read
from agents.guards.injection.rows import Row
from agents.guards.injection.training.fit import Example, example, fitted
from agents.guards.injection.training.letters_fit import LetterExample, fitted_letters, letter_example
from agents.guards.injection.training.writing import own_rows


def folds(rows: Sequence[Row], group: Callable[[Row], str]) -> list[int]:
    """A fold for each row: one source of attacks each, with some of the honest sources; a source of both stays whole."""
    attacks = sorted({group(row) for row in rows if row.is_attack})
    fold_of = {name: number for number, name in enumerate(attacks)}
    honest = sorted({group(row) for row in rows if not row.is_attack} - set(attacks))
    fold_of |= {name: number % len(attacks) for number, name in enumerate(honest)}
    return [fold_of[group(row)] for row in rows]


def left_out_strengths(
    rows: Sequence[Row],
    group: Callable[[Row], str] = attrgetter("source"),
    may_teach: Callable[[Row], bool] = bool,
) -> list[float]:
    """Each row's strength by a model that saw nothing of its source."""
    own = [_Both(example(row), letter_example(row)) for row in own_rows()]
    given = [_Both(example(row), letter_example(row)) for row in rows]
    fold_of = folds(rows, group)
    strengths = [0.0] * len(rows)
    for fold in range(max(fold_of) + 1):
        teachers = [
            each
            for each, own_fold in zip(given, fold_of, strict=True)
            if own_fold != fold and may_teach(each.words.row)
        ]
        model = fitted_both(own + teachers)
        for number, row in enumerate(rows):
            if fold_of[number] == fold:
                normal = normalised(row.text)
                strengths[number] = model.find(read(normal), normal).strength
        yet = max(fold_of) - fold
        print(f"  {yet} more …", file=sys.stderr)  # noqa: T201  # it takes minutes
    return strengths


class _Both(NamedTuple):
    words: Example
    letters: LetterExample


def fitted_both(examples: Sequence[tuple[Example, LetterExample]]) -> Model:
    """The model of rows that were read for both of its halves."""
    words, letters = zip(*examples, strict=True)
    return fitted(words, fitted_letters(letters))
