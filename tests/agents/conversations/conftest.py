"""What tests of conversations share."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from tests.api import Persona

TALK = "6f0b8c0e-58a3-4f5e-9d53-0d8f6c5b7a11"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that wait."""
    with ThreadPoolExecutor(16) as pool:
        yield pool


def said(conversation_id: str, **of: Any) -> list[str]:
    """All turns of a conversation, in order."""
    from agents.conversations.models import Turn

    turns = Turn.objects.filter(conversation__conversation_id=conversation_id, **of).order_by("number")
    return list(turns.values_list("content", flat=True))


def talk(of: "Persona", *tasks: str, conversation_id: str = "", **fields: Any) -> str:
    """Have these tasks run in the request, one after the other in one conversation; gives its id."""
    conversation_id = conversation_id or str(uuid4())
    for task in tasks:
        assert of.execute(task, conversation_id=conversation_id, **fields).status_code == 200
    return conversation_id


def begun(pool: ThreadPoolExecutor, persona: "Persona", task: str, **fields: Any) -> "Future[httpx.Response]":
    """A request in the conversation TALK that runs in a thread; gives it once its task is accepted."""
    from agents.models import Task

    before = Task.objects.count()
    request = pool.submit(persona.execute, task, conversation_id=TALK, **fields)
    eventually(lambda: Task.objects.count() > before or request.done())
    return request


def queued(persona: "Persona", task: str, **fields: Any) -> str:
    """A background task in the conversation TALK; gives its id."""
    answer = persona.execute(task, conversation_id=TALK, async_execution=True, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])
