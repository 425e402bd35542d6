"""How well the detector does on sources that it has not seen: each is left out of a fit and judged by it."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from agents.guards.injection.normalise import normalised
from agents.guards.injection.reading import read
from agents.guards.injection.rows import Row
from agents.guards.injection.training.fit import Example, example, fitted
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
    own = [example(row) for row in own_rows()]
    given = [example(row) for row in rows]
    fold_of = folds(rows, group)
    strengths = [0.0] * len(rows)
    for fold in range(max(fold_of) + 1):
        model = fitted(own + list(_teachers(given, fold_of, fold, may_teach)))
        for number, row in enumerate(rows):
            if fold_of[number] == fold:
                strengths[number] = model.find(read(normalised(row.text))).strength
    return strengths


def _teachers(
    given: Sequence[Example], fold_of: Sequence[int], fold: int, may_teach: Callable[[Row], bool]
) -> Iterator[Example]:
    return (each for each, own in zip(given, fold_of, strict=True) if own != fold and may_teach(each.row))
