"""The ways from one agent to another that a model may go: to ask it, or to hand the conversation over to it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.engine.output import found_json
from agents.engine.types import AgentSpec, Function

# What providers take as a function's name: letters, digits, - and _, as in slugs; and no more than this.
NAME_CHARACTERS = 64
DIGEST_CHARACTERS = 8
OVERHEAD_TOKENS = 16
Kind = Literal["ask", "hand_over"]
PREFIXES: Mapping[Kind, str] = {"ask": "ask_", "hand_over": "hand_over_to_"}


@dataclass(frozen=True, slots=True)
class Referral:
    """Another agent as a model can call it: asked, it does a task and reports; handed over to, it goes on instead."""

    kind: Kind
    agent: str
    function: Function


def referrals_of(agent: AgentSpec, team: Mapping[str, AgentSpec]) -> dict[str, Referral]:
    """Each agent that this one may ask or hand over to, by the function's name."""
    asked = {name_of("ask", slug): _asking(team[slug]) for slug in asked_by(agent) if slug in team}
    followed_by = {name_of("hand_over", slug): _handing_over(team[slug]) for slug in agent.handoffs if slug in team}
    return asked | followed_by


def asked_by(agent: AgentSpec) -> tuple[str, ...]:
    """The delegates that the agent's model asks itself: those that its strategy has no other part for."""
    match agent.strategy:
        case "route":
            return ()
        case "plan" | "review":
            return agent.delegates[1:]
        case _:
            return agent.delegates


def name_of(kind: Kind, slug: str) -> str:
    """The function's name: the slug as it is, as - and _ are both allowed; one that is too long ends in its digest."""
    name = f"{PREFIXES[kind]}{slug}"
    if len(name) <= NAME_CHARACTERS:
        return name
    digest = hashlib.sha256(slug.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{name[: NAME_CHARACTERS - 1 - DIGEST_CHARACTERS]}-{digest}"


def argument(arguments: str, name: str) -> str:
    """The text that a model wrote for an argument; empty when there is none, or it is no JSON object."""
    value = found_json(arguments)
    text = value.get(name) if isinstance(value, Mapping) else None
    return text.strip() if isinstance(text, str) else ""


def _asking(agent: AgentSpec) -> Referral:
    description = f"Have the agent {agent.slug} do a task. {agent.description}"
    task = "The whole task, with all that is needed for it: the agent reads nothing else."
    return Referral("ask", agent.slug, _function(name_of("ask", agent.slug), description, "task", task, ["task"]))


def _handing_over(agent: AgentSpec) -> Referral:
    description = f"Hand the conversation over to the agent {agent.slug}, which goes on instead. {agent.description}"
    name = name_of("hand_over", agent.slug)
    return Referral("hand_over", agent.slug, _function(name, description, "reason", "Why, in a sentence.", []))


def _function(name: str, description: str, parameter: str, meaning: str, required: list[str]) -> Function:
    """A function that takes one text. It is sent in plain JSON, and a token is at least a byte of it."""
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {parameter: {"type": "string", "description": meaning}},
        "required": required,
        "additionalProperties": False,
    }
    sent = json.dumps([name, description, parameters], ensure_ascii=False).encode()
    return Function(name, description, parameters, most_tokens=len(sent) + OVERHEAD_TOKENS)
