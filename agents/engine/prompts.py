"""What each model call reads, composed from the state. The caller's text is always a user turn, never an instruction."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from agents.engine.events import ROOT
from agents.engine.state import Run, State
from agents.engine.types import Message

PLAN = (
    "Plan how to answer the task. Reply with nothing but a JSON list of two to four short sub-questions, each a string, "
    "whose answers together suffice."
)
WRITE = (
    "Write the complete answer to the task from the notes below. Rely on the notes; say so where they do not suffice."
)
REPAIR = "That is not a valid result: {fault} Reply again with nothing but JSON that satisfies the schema."


def messages(state: State, run: Run, purpose: str, fault: str = "") -> tuple[Message, ...]:
    """The conversation for one call of the run's model."""
    agent = state.team[run.agent]
    system = [agent.instructions]
    if purpose == "plan":
        return (Message("system", "\n\n".join([*system, PLAN])), _request(state, run))
    if purpose == "route":
        choices = "\n".join(f"- {slug}: {state.team[slug].description}" for slug in agent.delegates)
        routing = f"Choose the agent that should do the task. Reply with nothing but its name.\n{choices}"
        return (Message("system", routing), _request(state, run))
    if run.id == ROOT and state.input.output_schema is not None:
        system.append(
            f"Reply with nothing but JSON that satisfies this JSON Schema:\n{_json(state.input.output_schema)}"
        )
    request = _request(state, run)
    if run.children:
        notes = "\n\n".join(f"Q: {state.runs[child].task}\nA: {output}" for child, output in run.children.items())
        request = Message("user", f"{request.content}\n\nNotes:\n{notes}")
        system.append(WRITE)
    composed = (Message("system", "\n\n".join(system)), request, *_own_turns(run))
    return (*composed, Message("user", REPAIR.format(fault=fault))) if purpose == "repair" else composed


def _own_turns(run: Run) -> tuple[Message, ...]:
    """The turns after planning or routing, whose answers are no part of the conversation; nor is one that was mended."""
    turns = run.turns[run.preliminary_turns :]
    mended = {index for index, (turn, after) in enumerate(pairwise(turns)) if turn.role == after.role == "assistant"}
    return tuple(turn for index, turn in enumerate(turns) if index not in mended)


def _request(state: State, run: Run) -> Message:
    context = f"Context:\n{_json(state.input.context)}\n\n" if state.input.context and run.id == ROOT else ""
    return Message("user", f"{context}{run.task}")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
