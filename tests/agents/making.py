"""Agents for tests, made by the services that operators' buttons call."""

from typing import Any

from accounts.audit import Actor
from agents import publishing, teams
from agents.models import Agent, AgentVersion

ACTOR = Actor("command", "tests")
PLAIN: dict[str, Any] = {"description": "Rhymes.", "instructions": "Answer in rhyme."}


def draft(slug: str, **fields: Any) -> AgentVersion:
    """A draft of an agent, which is made where it is missing."""
    agent, _ = Agent.objects.get_or_create(slug=slug)
    return publishing.new_draft(agent, {**PLAIN, **fields}, actor=ACTOR)


def published(slug: str, **fields: Any) -> AgentVersion:
    """A version of an agent that new tasks run at once."""
    version = draft(slug, **fields)
    publishing.publish(version, actor=ACTOR)
    teams.forget()
    return version


def tried_out(slug: str, percent: int, **fields: Any) -> AgentVersion:
    """A version of an agent that so many of a hundred new tasks run at once."""
    version = draft(slug, **fields)
    publishing.try_out(version, percent, actor=ACTOR)
    teams.forget()
    return version
