"""What an estimate says of a task in a conversation."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.api import Persona
from tests.scripted_model import ScriptedModel

Json = dict[str, Any]


def estimated(of: Persona, task: str, conversation_id: str, **fields: Any) -> Json:
    answer = of.post("/agent/estimate", json={"task": task, "conversation_id": conversation_id, **fields})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def between(found: Json, cost_usd: str) -> bool:
    return Decimal(found["cost_usd"]["min"]) <= Decimal(cost_usd) <= Decimal(found["cost_usd"]["max"])


def test_it_counts_what_was_said(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    new = estimated(alice, "And now?", conversation_id)
    model.answers("word " * 400, "Now.")
    alice.execute("Tell me more.", conversation_id=conversation_id)
    later = estimated(alice, "And now?", conversation_id)
    assert Decimal(later["cost_usd"]["min"]) > Decimal(new["cost_usd"]["min"])
    assert Decimal(later["cost_usd"]["max"]) > Decimal(new["cost_usd"]["max"])
    ran = alice.execute("And now?", conversation_id=conversation_id).json()
    assert between(later, ran["cost_usd"])
    assert (later["cached"], later["refusal"]) == (False, None)


def test_a_summary_may_cost_as_much_as_the_task(alice: Persona, model: ScriptedModel, settings: Any) -> None:
    settings.CONVERSATION_WINDOW_TOKENS = 4_000
    conversation_id = str(uuid4())
    model.answers("word " * 500, "In short.", "Now.")
    alice.execute("Tell me more.", conversation_id=conversation_id)
    found = estimated(alice, "And now?", conversation_id, limits={"max_cost_usd": "0.03"})
    assert found["cost_usd"]["max"] == "0.03"
    ran = alice.execute("And now?", conversation_id=conversation_id, limits={"max_cost_usd": "0.03"}).json()
    assert ran["usage"]["model_calls"] == 2
    assert between(found, ran["cost_usd"])


@pytest.mark.parametrize("policy", ["queue", "interrupt", "reject"])
def test_it_tells_what_a_busy_conversation_means(
    alice: Persona, model: ScriptedModel, settings: Any, policy: str
) -> None:
    settings.CONVERSATION_CONFLICT = policy
    conversation_id = str(uuid4())
    alice.execute("Later.", conversation_id=conversation_id, async_execution=True)
    found = estimated(alice, "And now?", conversation_id)
    assert found["cost_usd"]["max"] == "0.5", "nobody knows yet what the other one will say"
    if policy == "reject":
        assert (found["refusal"]["status"], found["refusal"]["code"]) == (409, "conflict")
    else:
        assert found["refusal"] is None
    assert model.calls == 0
