"""What a conversation costs PostgreSQL, and that a task outside of one pays nothing for it."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db.backends.utils import CursorWrapper

from tests.api import Persona

Sent = Callable[[Callable[[], object]], list[str]]
KEPT = ("agents_agentversion", "money_price", "accounts_")  # looked up every few seconds, whatever runs


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The statements that the server sends while something is done."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: CursorWrapper, sql: str, params: object = None) -> object:
        seen.append(sql)
        return execute(self, sql, params)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(CursorWrapper, "execute", noted)

    def while_doing(work: Callable[[], object]) -> list[str]:
        seen.clear()
        work()
        return [sql for sql in seen if not any(f'FROM "{table}' in sql for table in KEPT)]

    return while_doing


def test_a_task_outside_of_any_asks_nothing_of_them(alice: Persona, sent: Sent) -> None:
    alice.execute("Warm up.")
    assert not [sql for sql in sent(lambda: alice.execute("Hello.", cache="bypass")) if "conversations_" in sql]


def test_a_task_in_one_reads_enters_and_leaves_it(alice: Persona, sent: Sent) -> None:
    """Two statements to read what was said, three to stand in line, six to add what is said now and let the next one in; and
    two more, as it is not written together with others (agents/lifecycle_together.py)."""
    conversation_id = str(uuid4())
    alice.execute("Warm up.", conversation_id=conversation_id)
    outside = sent(lambda: alice.execute("Hello.", cache="bypass"))
    inside = sent(lambda: alice.execute("Hello.", conversation_id=conversation_id))
    assert len(inside) - len(outside) == 2 + 3 + 6 + 2
