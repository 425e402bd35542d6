"""The fit: a logistic regression without negative weights, in plain Python, so that it comes out the same everywhere.

AdaGrad, one window of a text at a time, in an order drawn from a fixed seed. All sums are made in the order of the rows.
"""

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.guards.injection.features import Feature, features
from agents.guards.injection.letters import Letters
from agents.guards.injection.model import OTHER_KIND, STEP, Model, shortness
from agents.guards.injection.normalise import normalised
from agents.guards.injection.reading import read
from agents.guards.injection.rows import Row
from agents.guards.injection.training.sources import FAMILIES

LEAST_GROUPS = 3
"""A feature is kept when attacks of so many groups of sources have it."""
FULL_SUPPORT = 16
"""Groups from which a feature may weigh fully; fewer hold it back."""
WORD_FACTOR = 0.25
CONCEPT_FACTOR = 0.5
"""How much a word or a concept may say alone, beside those in a row."""
SHORTEST_WORD = 4
ROUNDS = 12
RATE = 0.5
STRENGTH = 0.1
SHORT = 3.0
SEED = 8
SMALLEST = 2
"""Hundredths below which a weight is left out."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row's features by window, and how much each of its windows counts."""

    row: Row
    windows: tuple[tuple[Feature, ...], ...]
    words: int


def group_of(row: Row) -> str:
    """The group that a row counts for: sources that took from each other are one; texts of our own, each few patterns."""
    if row.source.startswith("own "):
        return row.source
    return FAMILIES.get(row.source, row.source)


def example(row: Row) -> Example:
    """Read a row."""
    reading = read(normalised(row.text))
    length = len(reading.words)
    windows: list[list[Feature]] = [[] for _ in range(0, max(1, length - STEP), STEP)]
    found: list[tuple[int, Feature]] = features(reading, _wanted)
    for at, feature in found:
        for number in {at // STEP, at // STEP - 1}:
            if 0 <= number < len(windows):
                windows[number].append(feature)
    return Example(row, tuple(tuple(dict.fromkeys(window)) for window in windows), length)


def _wanted(feature: Feature) -> Feature | None:
    """What may become a feature of the model: no marks by themselves or at the end, no short words alone."""
    last = feature if isinstance(feature, str) else feature[-1]
    if not (last[:1].isalnum() or last[:2] in ("<|", "|>")):
        return None
    if isinstance(feature, str):
        return feature if feature.isupper() or len(feature) >= SHORTEST_WORD else None
    return feature if all(feature) else None


def supported(examples: Iterable[Example]) -> dict[Feature, int]:
    """The features that enough groups of attacks have, with the number of these."""
    groups: defaultdict[Feature, set[str]] = defaultdict(set)
    for each in examples:
        if each.row.is_attack:
            for window in each.windows:
                for feature in window:
                    groups[feature].add(group_of(each.row))
    return {feature: len(own) for feature, own in groups.items() if len(own) >= LEAST_GROUPS}


def fitted(
    examples: Sequence[Example],
    letters: Letters,
    *,
    rounds: int = ROUNDS,
    flag_from: float = 0.0,
    block_from: float = 0.0,
) -> Model:
    """Fit what a text says, beside the letters. The same examples, in the same order, give the same weights."""
    support = supported(examples)
    names = sorted(support, key=_written)
    numbers = {feature: number for number, feature in enumerate(names, 1)}
    scale = [0.0] + [_scale(feature, support[feature]) for feature in names]
    weights, bias, short = _descend(examples, numbers, scale, rounds)
    kinds = _kinds(examples, numbers)
    kept = [number for number in range(1, len(weights)) if round(100 * weights[number] * scale[number]) >= SMALLEST]
    return Model(
        bias=round(bias, 3),
        shortness=round(short * SHORT, 3),
        flag_from=flag_from,
        block_from=block_from,
        numbers={names[number - 1]: place for place, number in enumerate(kept, 1)},
        weights=[0, *(round(100 * weights[number] * scale[number]) for number in kept)],
        kinds=[OTHER_KIND, *(kinds.get(number, OTHER_KIND) for number in kept)],
        letters=letters,
    )


def _scale(feature: Feature, groups: int) -> float:
    own = (min(groups, FULL_SUPPORT) / FULL_SUPPORT) ** 2
    if isinstance(feature, str):
        return own * (CONCEPT_FACTOR if feature.isupper() else WORD_FACTOR)
    return own


def _descend(
    examples: Sequence[Example], numbers: dict[Feature, int], scale: Sequence[float], rounds: int
) -> tuple[list[float], float, float]:
    """The weights before their scale, the bias, and the weight of shortness."""
    rows = _rows(examples, numbers)
    count = len(numbers) + 1
    occurrences = Counter(number for row in rows for number in row[0])
    pull = [STRENGTH / max(1, occurrences[number]) for number in range(count)]
    weights, squares = [0.0] * count, [1e-6] * count
    bias = short = 0.0
    bias_squares = short_squares = 1e-6
    order = list(range(len(rows)))
    dice = random.Random(SEED)  # noqa: S311, chance that can be repeated
    for _ in range(rounds):
        dice.shuffle(order)
        for place in order:
            own, shortness_here, sign, share, penalty = rows[place]
            strength = bias + short * shortness_here - penalty
            for number in own:
                strength += weights[number] * scale[number]
            doubt = -sign * share / (1.0 + math.exp(min(50.0, sign * strength)))
            for number in own:
                weight = weights[number]
                slope = doubt * scale[number] + pull[number] * weight
                if slope > 0 and not weight:
                    continue
                squares[number] += slope * slope
                weights[number] = max(0.0, weight - RATE * slope / math.sqrt(squares[number]))
            bias_squares += doubt * doubt
            bias -= RATE * doubt / math.sqrt(bias_squares)
            slope = doubt * shortness_here
            short_squares += slope * slope
            short = max(0.0, short - RATE * slope / math.sqrt(short_squares)) if short_squares else short
    return weights, bias, short


def _rows(examples: Sequence[Example], numbers: dict[Feature, int]) -> list[tuple[list[int], float, int, float, float]]:
    """Each window: its features, its text's shortness, 1 or -1, how much it counts, and what its text's windows take away.

    A source counts by the root of its size; the windows of an attack share its weight, since some may be harmless.
    """
    sizes = Counter((each.row.source, each.row.is_attack) for each in examples)
    rows = []
    for each in examples:
        share = sizes[each.row.source, each.row.is_attack] ** -0.5
        if each.row.is_attack:
            share /= len(each.windows) ** 0.7
        sign = 1 if each.row.is_attack else -1
        for window in each.windows:
            own = [numbers[feature] for feature in window if feature in numbers]
            rows.append((own, SHORT * shortness(each.words), sign, share, 0.0))
    total = {sign: sum(row[3] for row in rows if row[2] == sign) for sign in (1, -1)}
    return [(own, short, sign, share * len(rows) / (2 * total[sign]), away) for own, short, sign, share, away in rows]


def _kinds(examples: Iterable[Example], numbers: dict[Feature, int]) -> dict[int, str]:
    """The kind of attack that a feature speaks for: in whose texts of our own it occurs most often."""
    sizes: Counter[str] = Counter()
    seen: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for each in examples:
        if each.row.is_attack and each.row.source.startswith("own ") and each.row.kind != "attack":
            sizes[each.row.kind] += 1
            for number in {numbers[feature] for window in each.windows for feature in window if feature in numbers}:
                seen[number][each.row.kind] += 1
    return {number: _likeliest(counts, sizes) for number, counts in seen.items()}


def _likeliest(counts: Counter[str], sizes: Counter[str]) -> str:
    return max(sorted(counts), key=lambda kind: counts[kind] / sizes[kind] ** 0.5)


def _written(feature: Feature) -> str:
    return feature if isinstance(feature, str) else " ".join(feature)


def lines_of(model: Model, meta: dict[str, object]) -> Iterable[str]:
    """The file of a model, as `model.loaded` reads it."""
    head = {
        "bias": model.bias,
        "shortness": model.shortness,
        "flag_from": model.flag_from,
        "block_from": model.block_from,
        "letters_scale": model.letters.scale,
        "letters_bias": model.letters.bias,
        **meta,
    }
    yield json.dumps(head, ensure_ascii=False, sort_keys=True)
    for feature, number in sorted(model.numbers.items(), key=lambda item: _written(item[0])):
        kind = model.kinds[number]
        yield f"{model.weights[number]}\t{'' if kind == OTHER_KIND else kind}\t{_written(feature)}"
