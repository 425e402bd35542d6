"""What becomes of a task whose conversation is busy, where it is not to wait."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agents.models import Task
from tests.agents.conversations.conftest import TALK, begun, queued, said
from tests.api import Persona
from tests.scripted_model import ScriptedModel


@pytest.fixture
def rejecting(settings: Any) -> None:
    settings.CONVERSATION_CONFLICT = "reject"


@pytest.fixture
def interrupting(settings: Any) -> None:
    settings.CONVERSATION_CONFLICT = "interrupt"


@pytest.mark.parametrize("form", [{}, {"stream": True}, {"async_execution": True}])
def test_a_second_task_is_refused_and_costs_nothing(
    rejecting: None, alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor, form: dict[str, Any]
) -> None:
    hold = model.holds("One.")
    first = begun(pool, alice, "First.")
    hold.reached()
    left = alice.get("/account").json()["limits"]
    answer = alice.execute("Second.", conversation_id=TALK, **form)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["task_id"] == str(Task.objects.get().pk)
    assert [each["remaining"] for each in alice.get("/account").json()["limits"]] == [
        each["remaining"] for each in left
    ]
    hold.release()
    first.result()
    assert alice.execute("Second.", conversation_id=TALK, **form).status_code in (200, 202)


def test_of_many_at_once_one_runs(
    rejecting: None, alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor
) -> None:
    model.when("", "Yes.")
    asked = [pool.submit(alice.execute, f"No. {number}.", conversation_id=TALK) for number in range(10)]
    codes = [request.result().status_code for request in asked]
    assert set(codes) <= {200, 409}
    assert codes.count(200) == len(said(TALK)) // 2 >= 1


def test_the_earlier_task_is_cancelled_and_says_why(
    interrupting: None, alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor
) -> None:
    hold = model.holds("Never read.")
    first = begun(pool, alice, "First.")
    hold.reached()
    second = alice.execute("Second.", conversation_id=TALK)
    assert (second.status_code, second.json()["result"]) == (200, "An answer to: Second.")
    cancelled = first.result().json()
    assert (cancelled["status"], cancelled["exit_reason"]) == ("cancelled", "cancelled")
    assert cancelled["error"] == {
        "code": "cancelled", "message": "A later task of its conversation took its place.",
    }  # fmt: skip
    assert said(TALK) == ["Second.", "An answer to: Second."]


def test_so_are_all_that_wait(interrupting: None, alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds("Never read.")
    first = queued(alice, "First.")
    hold.reached()
    later = [queued(alice, f"No. {number}.") for number in range(3)]
    tasks = [alice.ended(task_id) for task_id in (first, *later)]
    assert [task["status"] for task in tasks] == ["cancelled", "cancelled", "cancelled", "completed"]
    assert {task["error"]["code"] for task in tasks[:3]} == {"cancelled"}


def test_who_cancels_by_himself_is_told_nothing_of_it(interrupting: None, alice: Persona, model: ScriptedModel) -> None:
    task_id = queued(alice, "First.")
    assert alice.post(f"/agent/cancel/{task_id}").json()["error"] is None
