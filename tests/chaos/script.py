"""The language of the harness's tasks: a task's own text says what the model shall do, so its answers need no memory.

    Chaos task 000123: look pay say.        a pure tool, an unsafe one, then text
    Chaos task 000124: look | put.          two parts for delegates, then the text that joins them

Every answer bears the number of the model call that made it. So the checker finds each recorded answer among the calls that
were charged, and a client sees whether the text it joined comes from one call.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.answers import Answer, ToolCall

TASK = re.compile(r"Chaos task (\d{6}(?:\.\d+)*): ([a-z |]+)\.")
CALL = re.compile(r"\(call (\d+)\)|\"asked_in\": (\d+)")
TOOLS = ("look", "put", "pay")
WORDS = (
    "hen",
    "egg",
    "barn",
    "straw",
    "farm",
    "field",
    "yard",
    "gate",
    "brook",
    "mill",
    "hill",
    "path",
    "well",
    "oak",
    "fox",
)


@dataclass(frozen=True)
class Step:
    """One step of one agent's run: where a model call stands in its task."""

    label: str
    words: str
    turn: str
    """How many answers came before; `notes` when delegates' notes are written up."""

    @property
    def number(self) -> int:
        return int(self.label.partition(".")[0])


def text_of(number: int, words: str) -> str:
    """What the client sends."""
    return f"Chaos task {number:06d}: {words}."


def step_of(messages: Sequence[Mapping[str, Any]]) -> Step | None:
    """The step that a model call is made for; None for a call that is no part of a chaos task."""
    asked = next((str(each["content"]) for each in messages if each["role"] == "user"), "")
    found = TASK.search(asked)
    if found is None:
        return None
    answered = sum(each["role"] == "assistant" for each in messages)
    return Step(found[1], found[2], "notes" if "\n\nNotes:\n" in asked else str(answered))


def answer_of(step: Step, call: int, random: Random) -> Answer:
    """What the model says in this step, marked with the number of the call."""
    if "|" in step.words:
        return _plan(step, call) if step.turn == "0" else _text(step, call, random)
    words = step.words.split()
    turn = int(step.turn)
    if turn >= len(words) or words[turn] == "say":
        return _text(step, call, random)
    arguments = {"name": f"{step.label}-{turn}", "asked_in": call}
    return Answer(tool_calls=(ToolCall(words[turn], json.dumps(arguments)),))


def call_of(answered: Mapping[str, Any]) -> int | None:
    """The number of the model call that made a recorded answer (the data of a ModelAnswered event)."""
    found = CALL.search(answered["text"] or " ".join(call["arguments"] for call in answered["tool_calls"]))
    return int(found[1] or found[2]) if found else None


def _plan(step: Step, call: int) -> Answer:
    parts = [part.strip() for part in step.words.split("|")]
    tasks = [f"Chaos task {step.label}.{place}: {part}." for place, part in enumerate(parts, 1)]
    return Answer(json.dumps([f"{task} (call {call})" for task in tasks]))


def _text(step: Step, call: int, random: Random) -> Answer:
    said = " ".join(random.choices(WORDS, k=random.randint(8, 40)))
    return Answer(f"Task {step.label} (call {call}): {said}.")
