"""Finds the rules that match a text: one pass over its words, whatever the number of rules."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agents.guards.injection.rules import MARKS, RULES
from agents.guards.injection.words import LEXICON, NEGATIONS, TALK

TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.!?;]|\"|'")
SENTENCE_END = 12
"""How many words apart two sentences are, so that no rule reaches over the end of one."""
NEGATION_REACH = 2
MENTION_FACTOR = 0.6
FAR = -1_000_000


class Finding(NamedTuple):
    """A rule that matched, and its weight here."""

    rule: str
    score: float


class Step(NamedTuple):
    """A rule's place for a class of words; `at` counts all rules' places through."""

    at: int
    rule: int
    is_first: bool
    is_last: bool


def _steps() -> tuple[dict[str, list[Step]], int]:
    """The places that a class of words can take in the rules, later ones first: a word must not follow itself."""
    steps: dict[str, list[Step]] = {}
    at = 0
    for index, rule in enumerate(RULES):
        for number, name in enumerate(rule.classes):
            step = Step(at, index, number == 0, number == len(rule.classes) - 1)
            steps.setdefault(name, []).insert(0, step)
            at += 1
    return steps, at


STEPS, PLACES = _steps()
WORD_STEPS = {
    word: tuple(sorted((step for name in names for step in STEPS.get(name, ())), key=lambda step: -step.at))
    for word, names in LEXICON.items()
}


def findings(text: str) -> Iterator[Finding]:
    """The strongest match of each rule's name in a normalised text."""
    best: dict[str, float] = {}
    for name, score in _all(text):
        best[name] = max(best.get(name, 0.0), score)
    return (Finding(name, score) for name, score in best.items())


def _all(text: str) -> Iterator[Finding]:
    for mark in MARKS:
        if mark.text in text:
            yield Finding(mark.name, mark.score)
    tokens = TOKEN.findall(text)
    is_talk = not TALK.isdisjoint(tokens)
    reached = [FAR] * PLACES
    position, quotes, negated = 0, 0, FAR
    for token in tokens:
        position += 1
        if token in ".!?;":
            position += SENTENCE_END
        elif token in "\"'":
            quotes += 1
        if token in NEGATIONS:
            negated = position
        for at, index, is_first, is_last in WORD_STEPS.get(token, ()):
            rule = RULES[index]
            if is_first:
                if position - negated <= NEGATION_REACH and rule.classes[0] == "drop":
                    continue
            elif position - reached[at - 1] > rule.gap + 1:
                continue
            reached[at] = position
            if is_last:
                is_mention = is_talk and quotes % 2 == 1
                yield Finding(rule.name, rule.score * (MENTION_FACTOR if is_mention else 1))
