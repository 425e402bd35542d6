"""Prompt injection: texts that try to take the agent over from whoever set it up.

A text is spelt in one way (`normalise.py`), read as words and what they mean (`reading.py`), and judged by how what it says
adds up (`model.py`); what it may hide is undone and judged as well (`disguises.py`). docs/guard.md tells how often that is
right, and how the weights came about.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Literal

from agents.guards.injection.disguises import views
from agents.guards.injection.model import BLOCK_FROM, FLAG_FROM, Finding, shipped
from agents.guards.injection.normalise import normalised
from agents.guards.injection.reading import Reading, read

MOST_VIEWS = 8
"""Disguises of one text that are undone; within what they hide, one more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule` names what the text most reads like; `score` is between 0 and 1; `reasons` names all, and disguises."""

    verdict: Literal["pass", "flag", "block"]
    rule: str = ""
    score: float = 0.0
    reasons: tuple[str, ...] = ()


def check(text: str) -> Verdict:
    """Judge one text, of any length, in time that grows with its length (docs/guard.md has figures)."""
    model = shipped()
    finding = _found(text, depth=0)
    score = round(model.score(finding.strength), 2)
    if score >= BLOCK_FROM:
        return Verdict("block", finding.kinds[0], score, finding.kinds)
    if score >= FLAG_FROM:
        return Verdict("flag", finding.kinds[0], score, finding.kinds)
    return Verdict("pass", score=score)


def _without_mentions(reading: Reading) -> str:
    return " ".join(filter(None, reading.words)).replace("_", " ")


def _found(text: str, *, depth: int) -> Finding:
    """The strongest finding in a text and in what it hides."""
    model = shipped()
    normal = normalised(text)
    reading = read(normal)
    worst = model.find(reading, _without_mentions(reading) if reading.mentioned else normal)
    if reading.mentioned and worst.strength < model.flag_from:
        # What a text only quotes and talks about is not done, but an operator may like to know of it.
        said = model.find(read(reading.mentioned), reading.mentioned)
        if said.strength >= model.block_from:
            worst = Finding(model.flag_from, said.kinds)
    if depth < 2:
        for view in islice(views(text, normal, reading.words), MOST_VIEWS):
            hidden = _found(view.text, depth=depth + 1)
            if hidden.strength > worst.strength:
                worst = Finding(hidden.strength, (*hidden.kinds, view.disguise))
    return worst
