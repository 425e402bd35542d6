"""What a conversation costs PostgreSQL, and that a task outside of one pays nothing for it."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db.backends.utils import CursorWrapper

from tests.api import Persona

Counted = Callable[[Callable[[], object]], int]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How many statements the server sends while something is done."""
    sent: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: CursorWrapper, sql: str, params: object = None) -> object:
        if "conversations_" in sql or "agents_" in sql or "money_ledger" in sql:
            sent.append(sql)
        return execute(self, sql, params)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(CursorWrapper, "execute", noted)

    def count(work: Callable[[], object]) -> int:
        sent.clear()
        work()
        return len([sql for sql in sent if "agentversion" not in sql or "agents_task" in sql])

    return count


def test_a_task_outside_of_any_asks_nothing_of_them(alice: Persona, queries: Counted) -> None:
    alice.execute("Warm up.")
    assert queries(lambda: alice.execute("Hello.", cache="bypass")) == 7


def test_a_task_in_one_reads_enters_and_leaves_it(alice: Persona, queries: Counted) -> None:
    """Two statements to read what was said, three to stand in line, six to add what is said now and let the next one in."""
    conversation_id = str(uuid4())
    alice.execute("Warm up.", conversation_id=conversation_id)
    assert queries(lambda: alice.execute("Hello.", conversation_id=conversation_id)) == 7 + 2 + 3 + 6
