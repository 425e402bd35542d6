"""Feedback as clients give it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from tests.api import Persona

Give = Callable[..., str]


@pytest.fixture
def give() -> Give:
    """`give(alice, 4, agent_type="writer", comment="Fine.")`: Alice has a task run and says that; gives its task_id."""

    def give(persona: "Persona", rating: int = 5, *, agent_type: str = "general", **said: Any) -> str:
        task_id: str = persona.execute(agent_type=agent_type).json()["task_id"]
        answer = persona.post("/agent/feedback", json={"task_id": task_id, "rating": rating, **said})
        assert answer.status_code == 201, answer.text
        return task_id

    return give
