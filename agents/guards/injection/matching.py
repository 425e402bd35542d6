"""Finds the rules that match a text, in one pass over its words."""

import re
from typing import NamedTuple

from agents.guards.injection.normalising import normalised
from agents.guards.injection.rules import MARKS, RULES, Rule
from agents.guards.injection.words import LEXICON, NEGATIONS, TALK

SENTENCE_END = re.compile(r"[.!?;]+")
WORD = re.compile(r"\w+(?:'\w+)*")
QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
MENTION_FACTOR = 0.6
NEGATABLE = "drop"
FAR_BEFORE = -1_000_000
ANY_DISTANCE = 2_000_000_000


class Place(NamedTuple):
    """Where a word of some class can stand in a rule: at most `reach` words behind the place `before` it."""

    at: int
    before: int
    reach: int
    can_be_negated: bool
    completed: tuple[Rule, ...]


def _places() -> dict[str, list[Place]]:
    """The places of each class. Rules that begin alike share them; later ones come first, so that no word follows itself."""
    numbers: dict[tuple[int, tuple[str, ...]], int] = {}
    completed: dict[int, list[Rule]] = {}
    for rule in RULES:
        ats = [numbers.setdefault(_beginning(rule, length), len(numbers)) for length in range(1, len(rule.classes) + 1)]
        completed.setdefault(ats[-1], []).append(rule)
    places: dict[str, list[Place]] = {}
    for (gap, classes), at in reversed(numbers.items()):
        before = numbers[0 if len(classes) == 2 else gap, classes[:-1]] if len(classes) > 1 else at
        reach = gap + 1 if len(classes) > 1 else ANY_DISTANCE
        place = Place(at, before, reach, classes == (NEGATABLE,), tuple(completed.get(at, ())))
        places.setdefault(classes[-1], []).append(place)
    return places


def _beginning(rule: Rule, length: int) -> tuple[int, tuple[str, ...]]:
    return (rule.gap if length > 1 else 0, rule.classes[:length])


def _places_of_words() -> dict[str, tuple[Place, ...]]:
    places = _places()
    found = {word: [place for name in names for place in places[name]] for word, names in LEXICON.items()}
    return {word: tuple(sorted(own, key=lambda place: -place.at)) for word, own in found.items()}


NORMALISED_MARKS = tuple(mark._replace(text=normalised(mark.text)) for mark in MARKS)
PLACES_OF_WORDS = _places_of_words()
PLACES = 1 + max(place.at for own in PLACES_OF_WORDS.values() for place in own)


def scores(text: str) -> dict[str, float]:
    """The rules that match a normalised text, each with its strongest score."""
    found: dict[str, float] = {}
    for mark in NORMALISED_MARKS:
        if mark.text in text:
            found[mark.name] = max(found.get(mark.name, 0.0), mark.score)
    for sentence in SENTENCE_END.split(text):
        _match_sentence(WORD.findall(sentence), found)
    return found


def scores_as_mention(text: str, found: dict[str, float]) -> dict[str, float]:
    """The same scores, lower for what a text that talks about attacks only quotes."""
    if TALK.isdisjoint(WORD.findall(text)):
        return found
    said = scores(QUOTED.sub('"', text))
    return {name: max(said.get(name, 0.0), score * MENTION_FACTOR) for name, score in found.items()}


def _match_sentence(words: list[str], found: dict[str, float]) -> None:
    reached = [FAR_BEFORE] * PLACES
    places_of = PLACES_OF_WORDS.get
    for position, word in enumerate(words):
        for at, before, reach, can_be_negated, completed in places_of(word, ()):
            if position - reached[before] > reach or (can_be_negated and _is_negated(words, position)):
                continue
            reached[at] = position
            for rule in completed:
                if rule.score > found.get(rule.name, 0.0):
                    found[rule.name] = rule.score


def _is_negated(words: list[str], position: int) -> bool:
    return not NEGATIONS.isdisjoint(words[max(0, position - 2) : position])
