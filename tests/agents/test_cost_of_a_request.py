"""What one request costs in statements, round trips to Redis and threads: numbers that do not depend on the machine."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper
from redis.asyncio import Redis

from agents.models import Task
from tests.api import Persona
from tests.scripted_model import ScriptedModel

ACCEPT = ["SELECT statement_timestamp()", "INSERT agents_task", "INSERT agents_event"]
END = ["UPDATE agents_task", "INSERT agents_event", "INSERT money_ledgerentry"]


@dataclass
class Cost:
    """What was asked of the stores, and how many threads were begun."""

    statements: list[str] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)
    threads: int = 0


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Counts within a block. What is asked once in a while, and not for a request, is left out."""

    @contextmanager
    def counting() -> Iterator[Cost]:
        found = Cost()
        execute, start = CursorWrapper.execute, threading.Thread.start
        command: Any = Redis.execute_command

        def noted(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
            words = str(sql).replace('"', "").split()
            kind = f"{words[0]} {words[2] if words[0] == 'INSERT' else words[1]}"
            if not any(name in str(sql) for name in ("accounts_apikey", "agents_process", "last_seq FROM")):
                found.statements.append(kind)
            return execute(self, sql, params)

        async def counted(self: Redis, *arguments: Any, **options: Any) -> Any:
            if arguments[0] not in ("PING", "PUBLISH"):
                found.commands[str(arguments[0])] += 1
            return await command(self, *arguments, **options)

        def begun(self: threading.Thread) -> None:
            found.threads += 1
            start(self)

        with monkeypatch.context() as patch:
            patch.setattr(CursorWrapper, "execute", noted)
            patch.setattr(Redis, "execute_command", counted)
            patch.setattr(threading.Thread, "start", begun)
            yield found

    return counting


@pytest.fixture
def warm(alice: Persona, model: ScriptedModel) -> Persona:
    """Alice, when all that is kept in memory is there."""
    for number in range(3):
        alice.execute(f"Warm up {number}.")
    return alice


def test_a_new_task_is_two_writes_and_two_looks_into_the_cache(warm: Persona, cost: Callable[[], Any]) -> None:
    with cost() as found:
        assert warm.execute("Something new.").headers["X-Cache"] == "miss"
    assert found.statements == [*ACCEPT, *END]
    assert found.commands["EVALSHA"] <= 5  # limits: taken and given back; the cache: looked up, stored; a slot
    assert set(found.commands) == {"EVALSHA"}
    assert found.threads == 0


def test_a_cached_answer_is_one_write_and_one_look(warm: Persona, cost: Callable[[], Any]) -> None:
    with cost() as found:
        assert warm.execute("Warm up 1.").headers["X-Cache"] == "hit"
    assert found.statements == ACCEPT
    assert found.commands["EVALSHA"] <= 3
    assert found.threads == 0


def test_a_background_task_is_accepted_by_one_write(warm: Persona, cost: Callable[[], Any]) -> None:
    with cost() as found:
        assert warm.execute("Later.", async_execution=True).status_code == 202
    assert found.statements == [*ACCEPT, "INSERT agents_outbox"]


def test_a_look_at_a_task_is_one_statement(warm: Persona, cost: Callable[[], Any]) -> None:
    task_id = str(Task.objects.first().pk)  # type: ignore[union-attr]  # it is there
    with cost() as found:
        assert warm.status(task_id).status_code == 200
    assert len(found.statements) == 1
    assert found.threads == 0
