"""A worker whose broker goes away and comes back."""

from agents.models import Outbox
from tests import outages
from tests.api import Persona
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually


def test_a_worker_outlives_its_broker(alice: Persona, model: ScriptedModel, worker: None, logs: Logs) -> None:
    """The tasks that it has end, whenever they do, and it takes new ones."""
    first, second = model.holds("During."), model.holds("Afterwards.")
    task_ids = [
        str(alice.execute(f"Later, {name}.", async_execution=True).json()["task_id"]) for name in ("one", "two")
    ]
    eventually(lambda: len(model.requests) == 2)

    with outages.redis_away():
        eventually(lambda: "Connection to broker lost" in logs.text)
        first.release()
        eventually(lambda: "completed" in {alice.status(task_id).json()["status"] for task_id in task_ids})
    later = alice.execute("And one more.", async_execution=True).json()["task_id"]
    assert alice.ended(str(later))["status"] == "completed"
    second.release()
    assert {alice.ended(task_id)["result"] for task_id in task_ids} == {"During.", "Afterwards."}

    last = alice.execute("The last.", async_execution=True).json()["task_id"]
    assert alice.ended(str(last))["status"] == "completed"
    assert not Outbox.objects.exists()
