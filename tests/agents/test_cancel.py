"""Stopping a task."""

import threading

from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually


def test_a_queued_task_is_cancelled_at_once(alice: Persona) -> None:
    task_id = alice.execute(async_execution=True).json()["task_id"]
    task = alice.post(f"/agent/cancel/{task_id}").json()
    assert task["status"] == task["exit_reason"] == "cancelled"


def test_a_running_task_stops_and_lets_go_of_the_model(alice: Persona, model: ScriptedModel, worker: None) -> None:
    model.holds("Never read.")
    task_id = alice.execute(async_execution=True).json()["task_id"]
    eventually(lambda: model.requests)
    assert alice.post(f"/agent/cancel/{task_id}").json()["status"] == "cancelled"
    assert model.requests[0].was_abandoned()


def test_a_task_run_in_the_request_answers_200_cancelled(alice: Persona, model: ScriptedModel) -> None:
    model.holds("Never read.")
    answers = []
    request = threading.Thread(target=lambda: answers.append(alice.execute("Wait for it.")))
    request.start()
    eventually(lambda: model.requests)
    [task] = alice.get("/agent/tasks").json()["tasks"]
    alice.post(f"/agent/cancel/{task['task_id']}")
    request.join()
    assert (answers[0].status_code, answers[0].json()["status"]) == (200, "cancelled")


def test_an_ended_task_is_returned_as_it_is(alice: Persona) -> None:
    task = alice.execute().json()
    assert alice.post(f"/agent/cancel/{task['task_id']}").json() == task


def test_cancelling_twice_is_the_same_as_once(alice: Persona) -> None:
    task_id = alice.execute(async_execution=True).json()["task_id"]
    assert alice.post(f"/agent/cancel/{task_id}").json() == alice.post(f"/agent/cancel/{task_id}").json()


def test_a_cancelled_task_is_not_run(alice: Persona, model: ScriptedModel, worker: None) -> None:
    model_calls = len(model.requests)
    first = alice.execute("First.", async_execution=True).json()["task_id"]
    alice.ended(first)
    task_id = alice.execute("Second.", async_execution=True).json()["task_id"]
    alice.post(f"/agent/cancel/{task_id}")
    assert alice.ended(task_id)["status"] in ("cancelled", "completed")
    assert len(model.requests) - model_calls <= 2
