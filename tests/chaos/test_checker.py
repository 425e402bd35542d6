"""The checker finds each kind of broken promise: a history in which all is well, spoiled in one place."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos.checker import History, violations
from tests.chaos.client import Frame, Record
from tests.chaos.history import Event, Kept
from tests.chaos.workload import Order

ID = "0198f0c2-0000-7000-8000-000000000001"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = "Task 000001 (call 2): hen egg."
ORDER = Order(1, 0, "stream", "solo", "pay say", "key-1", 300, None, None, "continue", is_followed=True)


def answered(step: int, text: str, calls: list[dict[str, str]], tokens: int) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "output_tokens": 1}
    return {
        "run": "0", "step": step, "purpose": "answer", "text": text, "tool_calls": calls, "usage": usage,
        "cost_usd": "0.001",
    }  # fmt: skip


def good() -> History:
    pay = {"id": "c1", "name": "pay", "arguments": '{"name": "000001-0", "asked_in": 1}'}
    events: list[tuple[str, dict[str, Any]]] = [
        ("TaskAccepted", {}),
        ("AttemptStarted", {"attempt": 1}),
        ("ModelCalled", {"run": "0", "step": 1}),
        ("ModelAnswered", answered(1, "", [pay], 10)),
        ("ToolCalled", {"run": "0", "step": 1, "call": pay}),
        ("ToolReturned", {"run": "0", "step": 1, "call_id": "c1", "tool": "pay"}),
        ("ModelCalled", {"run": "0", "step": 2}),
        ("ModelAnswered", answered(2, TEXT, [], 20)),
        ("TaskEnded", {"status": "completed"}),
    ]
    row = {
        "id": ID, "metadata": {"chaos": 1}, "status": "completed", "exit_reason": "completed", "result": TEXT, "last_seq": 9,
        "attempts": 1, "mode": "stream", "input_tokens": 30, "output_tokens": 2, "model_calls": 2, "tool_calls": 1,
        "cost_usd": Decimal("0.002"),
    }  # fmt: skip
    kept = Kept(row, [Event(seq, kind, data, NOW) for seq, (kind, data) in enumerate(events, 1)])
    kept.ledger_usd = Decimal("0.002")
    kept.moves = [(None, "running", "", NOW), ("running", "completed", "", NOW)]
    task = {"task_id": ID, "status": "completed", "exit_reason": "completed", "result": TEXT}
    frames = [
        Frame((7, 0), "step.started", {"agent": "solo"}),
        Frame((7, 12), "text.delta", {"agent": "solo", "text": TEXT[:12]}),
        Frame((7, 30), "text.delta", {"agent": "solo", "text": TEXT[12:]}),
        Frame((9, 1), "task.completed", {"agent": "solo", "task": task}),
    ]
    record = Record(ORDER, {ID}, {200}, [("completed", "completed", TEXT)], True, frames, sent=1)
    charges = [
        {
            "call": 1,
            "label": "000001",
            "turn": "0",
            "is_whole": True,
            "began": 0,
            "input_tokens": 10,
            "output_tokens": 1,
        },
        {
            "call": 2,
            "label": "000001",
            "turn": "1",
            "is_whole": True,
            "began": 0,
            "input_tokens": 20,
            "output_tokens": 1,
        },
    ]
    effects = [
        {"tool": "pay", "name": "000001-0", "key": "", "at": 0},
        {"tool": "put", "name": "000002-0", "key": "k", "at": 0},
    ]
    return History([record], {ID: kept}, charges, effects)


def spoil(change: Callable[[History], object]) -> History:
    history = deepcopy(good())
    change(history)
    return history


def task_of(history: History) -> Kept:
    return history.tasks[ID]


def record_of(history: History) -> Record:
    return history.records[0]


def without_tasks(history: History) -> None:
    history.tasks = {}


def twice_there(history: History) -> None:
    history.tasks = {**history.tasks, "another": deepcopy(task_of(history))}


def set_frames(history: History, frames: list[Frame]) -> None:
    record_of(history).frames = frames


SPOILED: dict[str, Callable[[History], object]] = {
    "lost": without_tasks,
    "stuck": lambda history: task_of(history).row.update(status="running"),
    "unanswered": lambda history: record_of(history).finals.clear(),
    "refused": lambda history: setattr(record_of(history), "refusal", "404 not_found"),
    "doubled": twice_there,
    "moved_wrongly": lambda history: task_of(history).moves.append(("completed", "running", "", NOW)),
    "told_otherwise": lambda history: record_of(history).finals.append(("failed", "timed_out", None)),
    "journals": lambda history: task_of(history).journal.pop(4),
    "steps_twice": lambda history: task_of(history).journal.insert(4, task_of(history).journal[3]),
    "asked_again": lambda history: history.effects[0].update(at=NOW.timestamp() + 5),  # type: ignore[attr-defined]
    "effects_twice": lambda history: history.effects.append(history.effects[0]),  # type: ignore[attr-defined]  # a list here
    "misbilled": lambda history: task_of(history).row.update(output_tokens=3),
    "underbilled": lambda history: history.charges[0].update(output_tokens=2000),  # type: ignore[attr-defined]
    "unexplained": lambda history: history.charges.append({**history.charges[0], "call": 3}),  # type: ignore[attr-defined]
    "streams": lambda history: set_frames(history, [*record_of(history).frames[:2], *record_of(history).frames[3:]]),
}


def test_a_good_history_breaks_no_promise() -> None:
    assert not any(violations(good()).values())


@pytest.mark.parametrize("name", SPOILED)
def test_it_finds(name: str) -> None:
    assert violations(spoil(SPOILED[name]))[name]


def test_every_check_has_a_history_that_it_finds_fault_with() -> None:
    assert set(SPOILED) == set(violations(good()))


def test_it_finds_a_change_after_the_end() -> None:
    spoiled = spoil(lambda history: task_of(history).moves.append(("completed", "completed", "final changed", NOW)))
    assert violations(spoiled)["moved_wrongly"]


def test_it_finds_a_model_that_was_asked_again() -> None:
    history = good()
    later = {**history.charges[0], "call": 3, "is_whole": False, "began": NOW.timestamp() + 5}
    assert violations(replace(history, charges=[*history.charges, later]))["asked_again"]


def test_it_finds_a_ledger_that_says_something_else() -> None:
    assert violations(spoil(lambda history: setattr(task_of(history), "ledger_usd", Decimal(1))))["misbilled"]


def test_it_finds_a_stream_that_repeats_itself() -> None:
    frames = record_of(good()).frames
    spoiled = spoil(lambda history: set_frames(history, [frames[0], frames[1], frames[1], *frames[2:]]))
    assert violations(spoiled)["streams"]


def test_it_finds_an_idempotent_effect_under_two_keys() -> None:
    history = good()
    found = violations(replace(history, effects=[*history.effects, {**history.effects[1], "key": "other"}]))
    assert found["effects_twice"]
