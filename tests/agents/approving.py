"""Agents that ask people, and what their tool did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents import teams
from agents.approvals.models import Approval
from agents.tools import registry
from agents.tools.tool import tool
from tests.agents.making import published
from tests.api import Api
from tests.scripted_model import tool_call

SENT: list[str] = []
CALL = tool_call("send_money", to="Ada")
ARGUMENTS = '{"to": "Ada"}'


@contextmanager
def treasury() -> Iterator[list[str]]:
    """The agent `treasurer`, each of whose calls of `send_money` a person has to agree to; gives to whom money was sent."""
    SENT.clear()

    @tool(effect="unsafe", timeout_seconds=1, approval=True)
    async def send_money(to: str) -> str:
        """Send money.

        Args:
            to: Who gets it.
        """
        SENT.append(to)
        return f"Sent to {to}."

    registry.register(send_money)
    published("treasurer", tools=["send_money", "calculator"])
    try:
        yield SENT
    finally:
        del registry._tools["send_money"]
        teams.forget()


def approve(caller: Api, task_id: str, approval_id: str = "a1", decision: str = "approve", **fields: Any) -> Any:
    """POST /agent/approve/{task_id}."""
    return caller.post(f"/agent/approve/{task_id}", json={"approval_id": approval_id, "decision": decision, **fields})


def pending(task_id: str) -> list[str]:
    """The ids of a task's open approvals."""
    return list(Approval.objects.filter(task_id=task_id, decision="").values_list("approval_id", flat=True))
