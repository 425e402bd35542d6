"""Prompt injection: texts that try to take the agent over from whoever set it up.

A list of rules finds the plain attempts, not all; how many, and how many honest texts it hits, stands in the documentation.
The rules look for what is said (verbs with their objects), so a text that only talks about prompts passes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from agents.guards.injection.matching import scores, scores_as_mention
from agents.guards.injection.normalising import normalised

FLAG_FROM = 0.5
BLOCK_FROM = 0.8


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule` names the strongest rule that matched; `score` is between 0 and 1."""

    verdict: Literal["pass", "flag", "block"]
    rule: str = ""
    score: float = 0.0


def check(text: str) -> Verdict:
    """Judge one text, of any length, in linear time (about a millisecond for 4 KB)."""
    text = normalised(text)
    found = scores(text)
    verdict = _judged(found)
    return verdict if verdict.verdict == "pass" else _judged(scores_as_mention(text, found))


def check_all(texts: Iterable[str]) -> Verdict:
    """Judge several texts; the worst decides."""
    return max(map(check, texts), key=lambda verdict: verdict.score, default=Verdict("pass"))


def _judged(found: Mapping[str, float]) -> Verdict:
    """Rules that match together weigh more than each alone: the doubts that they leave are multiplied."""
    if not found:
        return Verdict("pass")
    rule = max(found, key=lambda name: found[name])
    score = round(1 - prod(1 - each for each in found.values()), 2)
    if score >= BLOCK_FROM:
        return Verdict("block", rule, score)
    return Verdict("flag" if score >= FLAG_FROM else "pass", rule, score)
