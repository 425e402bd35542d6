"""A run's conversation, turn by turn, in the form that every model reads."""

from collections.abc import Sequence
from dataclasses import replace

from agents.engine.types import Message, ToolCall

Turns = tuple[Message, ...]
# Of one answer. A model that asks for more in one breath has lost its way; what goes beyond is not heard.
MAX_CALLS = 128


def with_answer(turns: Turns, text: str, calls: tuple[ToolCall, ...], *, is_mended: bool) -> Turns:
    """After an answer; a mended one takes the place of the one before."""
    return (*(turns[:-1] if is_mended else turns), Message("assistant", text, calls))


def with_result(turns: Turns, calls: Sequence[ToolCall], call_id: str, output: str) -> Turns:
    """After the result of one of the last answer's calls. Results stand in the order of the calls, whichever came first."""
    before = len(turns)
    while before and turns[before - 1].role == "tool":
        before -= 1
    places = {call.id: place for place, call in enumerate(calls)}
    results = (*turns[before:], Message("tool", output, tool_call_id=call_id))
    return (*turns[:before], *sorted(results, key=lambda turn: places.get(turn.tool_call_id, len(places))))


def distinct(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """The calls that are heard, each with an id of its own: some providers give all of them one, or none."""
    told_apart: dict[str, ToolCall] = {}
    for number, call in enumerate(calls[:MAX_CALLS], 1):
        call_id = call.id or "call"
        while call_id in told_apart:
            call_id = f"{call_id}-{number}"
        told_apart[call_id] = replace(call, id=call_id)
    return tuple(told_apart.values())
