"""Agents that take on certain topics alone: before such a one begins, its model is asked which of them the task is about."""

import re

from agents.engine import events as e
from agents.engine.calls import model_call
from agents.engine.effects import Effect
from agents.engine.endings import failed
from agents.engine.state import Run, State

NUMBER = re.compile(r"\W*(?:topic|number)?\W*(\d{1,3})\W*", re.IGNORECASE)
OFF_TOPIC = "off_topic"


def of_start(state: State, run: Run) -> list[Effect] | None:
    """What happens before the root's agent may begin; None when it may. An answer that nobody can use admits nothing."""
    topics = state.team[run.agent].topics
    if run.id != e.ROOT or not topics:
        return None
    if run.topic is None:
        return [model_call(state, run, "topic")]
    if is_one(run.topic, topics):
        return None
    told = f"{run.agent} takes on nothing but: {', '.join(topics)}."
    return [failed("guardrail_blocked", told, guard_rule=OFF_TOPIC)]


def is_one(answer: str, topics: tuple[str, ...]) -> bool:
    """Whether a model's answer names one of the topics, by its number or its name."""
    if number := NUMBER.fullmatch(answer):
        return 1 <= int(number[1]) <= len(topics)
    named = answer.strip(" .\"'*\n").casefold()
    return any(named == topic.casefold() for topic in topics)
