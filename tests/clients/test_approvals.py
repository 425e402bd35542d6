"""Tasks that ask a person, by the Python client in both its halves, and by agentctl."""

from collections.abc import Iterator

import pytest

from agentplatform_client import Agentplatform, ApprovalRequested, Conflict, ToolReturned
from tests.agents.approving import ARGUMENTS, CALL, approve, pending, treasury
from tests.api import Persona
from tests.clients.agentctl import Agentctl
from tests.clients.test_run import Aside
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually


@pytest.fixture
def sent(alice: Persona, worker: None) -> Iterator[list[str]]:
    """To whom the treasurer sent money, for which it has to ask."""
    with treasury() as sent:
        yield sent


def waiting(alice: Persona) -> str:
    """The id of the task that waits for a person, once there is one."""

    def found() -> str | None:
        tasks = alice.get("/agent/tasks", params={"status": "awaiting_approval"}).json()["tasks"]
        return tasks[0]["task_id"] if tasks else None

    task_id = eventually(found, within=20)
    assert task_id is not None
    return task_id


def test_a_stream_asks_waits_and_goes_on(platform: Agentplatform, model: ScriptedModel, sent: list[str]) -> None:
    model.answers(CALL, "Done.")
    with platform.stream("Pay Ada.", agent_type="treasurer") as stream:
        asked = next(event for event in stream if isinstance(event, ApprovalRequested))
        assert (asked.kind, asked.tool, asked.arguments) == ("tool", "send_money", ARGUMENTS)
        task_id = str(stream.task_id)
        eventually(lambda: platform.status(task_id).status == "awaiting_approval")
        (approval,) = platform.status(task_id).approvals
        assert (approval.approval_id, approval.is_pending) == (asked.approval_id, True)
        platform.approve(task_id, asked.approval_id, comment="Go ahead.")
        assert ToolReturned in {type(event) for event in stream}
    assert sent == ["Ada"]
    assert stream.task is not None
    assert (stream.text, stream.task.approvals[0].decision) == ("Done.", "approve")
    with pytest.raises(Conflict, match="was approved already"):
        platform.approve(task_id, asked.approval_id, decision="reject")


def test_run_waits_for_the_answer(
    platform: Agentplatform, alice: Persona, model: ScriptedModel, sent: list[str]
) -> None:
    model.answers(CALL, "I was not allowed to.")
    running = Aside(lambda: platform.run("Pay Ada.", agent_type="treasurer"))
    task_id = waiting(alice)
    platform.approve(task_id, pending(task_id)[0], decision="reject", comment="Too dear.")
    assert running.result().result == "I was not allowed to."
    assert sent == []


def test_agentctl_asks_and_answers(agentctl: Agentctl, alice: Persona, model: ScriptedModel, sent: list[str]) -> None:
    model.answers(CALL, "Done.")
    task_id = agentctl("run", "Pay Ada.", "--agent", "treasurer", "--background").out.strip()
    assert waiting(alice) == task_id
    assert f"approval\ta1 pending: send_money {ARGUMENTS}\n" in agentctl("status", task_id).out
    assert agentctl("approve", task_id, "--comment", "Go ahead.").out.startswith("a1 approved; the task is ")
    followed = agentctl("tail", task_id)
    assert (followed.code, followed.out, sent) == (0, "Done.\n", ["Ada"])
    assert f"· treasurer asks whether it may call send_money {ARGUMENTS}\n" in followed.err
    assert f"· answer with: agentctl approve {task_id} a1 [--reject]\n" in followed.err
    assert agentctl("approve", task_id).code == 3


def test_agentctl_shows_the_question_while_it_runs(
    agentctl: Agentctl, alice: Persona, model: ScriptedModel, sent: list[str]
) -> None:
    model.answers(CALL, "I was not allowed to.")
    answering = Aside(lambda: approve(alice, waiting(alice), decision="reject"))
    said = agentctl("run", "Pay Ada.", "--agent", "treasurer", "--stream")
    answering.result()
    assert (said.code, said.out, sent) == (0, "I was not allowed to.\n", [])
    assert "asks whether it may call send_money" in said.err
