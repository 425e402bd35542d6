"""An agent with a tool that may not be called twice, and a count of what the tool did."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from agents import lifecycle, teams
from agents.engine import events as e
from agents.engine.types import ToolCall, Usage
from agents.models import Agent, AgentVersion
from agents.tools import registry
from agents.tools.tool import ToolError, tool

ARGUMENTS = '{"to": "Ada"}'


@dataclass
class Post:
    """What was posted, and under which keys. `breaks` lets the next letters end in a fault, `hangs` never."""

    sent: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    mail: str = "Dear you, all is well."
    refuses: bool = False
    breaks: bool = False
    hangs: bool = False
    begun: threading.Event = field(default_factory=threading.Event)


@contextmanager
def post_office() -> Iterator[Post]:
    """The agent `postman`, whose tool `send_letter` is unsafe, `file_copy` idempotent and `open_mail` pure."""
    post = Post()

    @tool(effect="unsafe", timeout_seconds=1)
    async def send_letter(to: str) -> str:
        """Send a letter.

        Args:
            to: Who gets it.
        """
        post.begun.set()
        if post.refuses:
            raise ToolError("There is no such address.")
        if post.hangs:
            await asyncio.sleep(60)
        if post.breaks:
            raise OSError
        post.sent.append(to)
        return f"Sent to {to}."

    @tool(effect="idempotent", timeout_seconds=1)
    async def file_copy(to: str, idempotency_key: str) -> str:
        """File a copy of a letter.

        Args:
            to: Who got it.
        """
        post.keys.append(idempotency_key)
        return f"Filed {to}."

    @tool(effect="pure", timeout_seconds=1)
    async def open_mail() -> str:
        """Open what came."""
        return post.mail

    tools = (send_letter, file_copy, open_mail)
    for each in tools:
        registry.register(each)
    agent = Agent.objects.create(slug="postman")
    AgentVersion.objects.create(
        agent=agent,
        number=1,
        status=AgentVersion.Status.PUBLISHED,
        description="Sends letters.",
        instructions="Send letters.",
        tools=[each.name for each in tools],
        cache_seconds=0,
    )
    teams.forget()
    try:
        yield post
    finally:
        for each in tools:
            del registry._tools[each.name]


def crash_after_calling(task_id: str, name: str, effect: str) -> None:
    """As when a worker took the task, wrote down that it calls the tool, and was killed before it heard the answer."""
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    call = ToolCall(id="c1", name=name, arguments=ARGUMENTS)
    lifecycle.append(
        claim.holder,
        [
            e.AttemptStarted(attempt=1),
            e.ModelCalled(run="0", step=1, purpose="answer", model="gpt-5-mini"),
            e.ModelAnswered(
                run="0", step=1, purpose="answer", model="gpt-5-mini", text="", tool_calls=(call,), usage=Usage(5, 5),
                cost_usd=Decimal("0.0005"),
            ),
            e.ToolCalled(run="0", step=1, call=call, effect=effect),
        ],
    )  # fmt: skip
