"""What the model looks at: words and concepts that follow each other."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from agents.guards.injection.lexicon import listed
from agents.guards.injection.reading import END, Reading

Feature = str | tuple[str, ...]
"""A word; two or three words in a row; a concept; two or three concepts in a row; `&` and two concepts near each other."""
Known = TypeVar("Known")

TELLING = listed("""
    DROP ORDERS PROMPT PASSWORD LOOSE LIMITS SPECIAL SECRET REVEAL RULES CHARACTER ILLEGAL SILENT REFUSE REPEAT CREDENTIALS
    VERBATIM MODE SEND ACTION SAY ACT ABOVE TALK FOLLOW TARGET INSTEAD REMOVE
""")
"""Concepts that tell something beside any other; the others tell something beside one of these."""
NEXT = 4
"""The most words between which two concepts follow each other."""
NEAR = 8
NEARBY = 5


def features(reading: Reading, known: Callable[[Feature], Known | None]) -> list[tuple[int, Known]]:
    """The features that `known` knows, as it knows them, each with the place of its last word."""
    words, concepts = reading.words, reading.concepts
    found = [(at, each) for at, each in enumerate(map(known, words)) if each]
    found += [(at, each) for at, each in enumerate(map(known, pairwise(words)), 1) if each]
    triples = map(known, zip(words, words[1:], words[2:], strict=False))
    found += [(at, each) for at, each in enumerate(triples, 2) if each]
    before: list[int] = []
    keys: list[Feature] = []
    for at, concept in enumerate(concepts):
        if not concept:
            continue
        if concept == END:
            before.clear()
            continue
        keys.append(concept)
        tells = concept in TELLING
        if before and at - before[-1] <= NEXT:
            last = concepts[before[-1]]
            tells_more = tells or last in TELLING
            if tells_more:
                keys.append((last, concept))
            if len(before) > 1 and before[-1] - before[-2] <= NEXT:
                first = concepts[before[-2]]
                if tells_more or first in TELLING:
                    keys.append((first, last, concept))
        others = {concepts[place] for place in before[-NEARBY:] if at - place <= NEAR} - {concept}
        keys += [("&", *sorted((other, concept))) for other in others if tells or other in TELLING]
        found += [(at, each) for each in map(known, keys) if each]
        before.append(at)
        keys.clear()
    return found
