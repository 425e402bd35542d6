"""The ways in which tasks go: each kind of story told several times, with its share, and what people have yet to answer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from agents.demo.casts import Cast
from agents.demo.stage import Stage
from agents.demo.stories import KINDS, WAITING, Story, made

LEAST_WAYS, MOST_WAYS = 150, 2500
"""In how many ways tasks go in all."""
WAIT = 5
"""How many of each kind wait for people."""


@dataclass(frozen=True, slots=True)
class Tale:
    """A story's tasks: the seconds before each, the number of its cast, and the cast itself."""

    casts: tuple[tuple[float, int, Cast], ...]

    @property
    def is_conversation(self) -> bool:
        """Whether its tasks are one conversation."""
        return self.casts[0][2].wants_conversation

    @property
    def length(self) -> timedelta:
        """How long it takes in all."""
        return timedelta(seconds=1 + sum(pause + cast.seconds for pause, _, cast in self.casts))


@dataclass(frozen=True)
class Repertoire:
    """All tales, how often each is told in comparison, and those of tasks that wait now. The first is of one short task."""

    tales: Sequence[Tale]
    shares: Sequence[float]
    waiting: Sequence[Tale]
    casts: Sequence[Cast]

    @property
    def simple(self) -> Tale:
        """What fits everywhere."""
        return self.tales[0]

    def chosen(self, dice: random.Random, tasks: int) -> list[Tale]:
        """Tales of just so many tasks."""
        chosen: list[Tale] = []
        left = tasks
        while left > 0:
            tale = dice.choices(self.tales, cum_weights=self.shares)[0]
            if len(tale.casts) > left:
                tale = self.simple
            chosen.append(tale)
            left -= len(tale.casts)
        return chosen


def repertoire(seed: int, tasks: int) -> Repertoire:
    """The ways in which so many tasks go here: more of them for more tasks."""
    stage = Stage.now()
    kinds = [(share, kind) for share, kind in KINDS if kind.agent in stage.versions]
    ways = max(LEAST_WAYS, min(MOST_WAYS, tasks // 20))
    whole = sum(share for share, _ in kinds)
    casts: list[Cast] = []

    def kept(story: Story) -> Tale:
        first = len(casts)
        casts.extend(cast for _, cast in story.casts)
        return Tale(tuple((pause, at, cast) for at, (pause, cast) in enumerate(story.casts, first)))

    tales, weights = [], []
    for at, (share, kind) in enumerate(kinds):
        number = max(1, round(ways * share / whole))
        for way in range(number):
            tales.append(kept(made(stage, kind, f"{seed} {at} {way}")))
            weights.append(share / number / len(tales[-1].casts))
    waiting = [
        kept(made(stage, kind, f"{seed} waits {at} {way}"))
        for at, kind in enumerate(WAITING)
        if kind.agent in stage.versions
        for way in range(WAIT)
    ]
    return Repertoire(tales, list(accumulate(weights)), waiting, casts)
