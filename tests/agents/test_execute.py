"""POST /agent/execute, run in the request."""

from uuid import UUID

import pytest

from tests.api import Persona
from tests.scripted_model import CUT, JUNK, ScriptedModel, tool_call


def test_it_answers_with_the_task_object(alice: Persona, model: ScriptedModel) -> None:
    model.answers("Paris.")
    answer = alice.execute("What is the capital of France?", metadata={"order": "A-17"})
    task = answer.json()
    assert answer.status_code == 200
    assert UUID(task["task_id"]).version == 7
    assert task["status"] == task["exit_reason"] == "completed"
    assert (task["result"], task["error"], task["cached"]) == ("Paris.", None, False)
    assert (task["agent_type"], task["agent_version"], task["model"]) == ("general", 1, "gpt-5-mini")
    assert task["metadata"] == {"order": "A-17"}
    assert task["usage"]["model_calls"] == 1
    assert task["usage"]["output_tokens"] == 1
    assert task["created_at"].endswith("Z")
    assert task["started_at"] <= task["completed_at"]
    assert alice.status(task["task_id"]).json() == task


def test_it_prices_the_call_by_the_models_name(alice: Persona, model: ScriptedModel) -> None:
    task = alice.execute("Say something.").json()
    usage = task["usage"]
    # gpt-5-mini: $0.25 and $2 a million tokens.
    expected = (usage["input_tokens"] * 0.25 + usage["output_tokens"] * 2) / 1e6
    assert float(task["cost_usd"]) == pytest.approx(expected)


def test_it_sends_context_and_task_as_the_user(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Explain it.", context={"audience": "beginner"})
    system, user = model.requests[0].messages
    assert system["role"] == "system"
    assert "beginner" not in system["content"]
    assert user["role"] == "user"
    assert "beginner" in user["content"]
    assert user["content"].endswith("Explain it.")


def test_it_uses_the_newer_token_limit(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Say something.", limits={"max_output_tokens": 7})
    assert model.requests[0].body["max_completion_tokens"] == 7
    assert "max_tokens" not in model.requests[0].body


def test_it_runs_tools_and_gives_their_results_back(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("calculator", expression="0.1 + 0.2"), "It is 0.3.")
    task = alice.execute("What is 0.1 + 0.2?", agent_type="analyst").json()
    assert task["result"] == "It is 0.3."
    assert (task["usage"]["model_calls"], task["usage"]["tool_calls"]) == (2, 1)
    assert model.requests[1].messages[-1]["content"] == "0.3"


def test_it_refuses_a_tool_the_agent_does_not_have(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("run_shell", command="id"), "I cannot.")
    assert alice.execute("Run id.", agent_type="analyst").json()["result"] == "I cannot."
    assert "no tool named 'run_shell'" in model.requests[1].messages[-1]["content"]


def test_research_plans_has_the_parts_answered_and_writes_up(alice: Persona, model: ScriptedModel) -> None:
    model.when("Plan how to answer", '["What is Django?", "Who uses Django?"]')
    model.when("Notes:", "Django is widely used.")
    task = alice.execute("Tell me about the framework.", agent_type="research").json()
    assert task["result"] == "Django is widely used."
    assert task["usage"]["model_calls"] == 4
    notes = model.requests[-1].messages[-1]["content"]
    assert "Q: What is Django?\nA: An answer to: What is Django?" in notes
    assert "Q: Who uses Django?" in notes


@pytest.mark.parametrize("plan", ["I would rather not.", "[]", "{}", "[1, 2]"])
def test_research_answers_directly_when_the_plan_is_unusable(alice: Persona, model: ScriptedModel, plan: str) -> None:
    model.answers(plan, "The direct answer.")
    assert alice.execute("Tell me.", agent_type="research").json()["result"] == "The direct answer."


def test_auto_hands_over_to_the_agent_it_chooses(alice: Persona, model: ScriptedModel) -> None:
    model.answers("analyst", tool_call("calculator", expression="6*7"), "42")
    task = alice.execute("What is 6 times 7?", agent_type="auto").json()
    assert (task["result"], task["agent_type"]) == ("42", "auto")
    assert model.requests[1].body["tools"][0]["function"]["name"] == "calculator"


def test_auto_answers_directly_when_the_choice_is_unusable(alice: Persona, model: ScriptedModel) -> None:
    model.answers("the wizard", "A direct answer.")
    assert alice.execute("Hello.", agent_type="auto").json()["result"] == "A direct answer."


def test_it_gives_json_that_satisfies_the_schema_after_a_repair(alice: Persona, model: ScriptedModel) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    model.answers("not JSON", '{"n": "four"}', {"n": 4})
    task = alice.execute("How many?", output_schema=schema).json()
    assert task["result"] == {"n": 4}
    assert task["usage"]["model_calls"] == 3
    assert "is not of type 'integer'" in model.requests[2].messages[-1]["content"]


@pytest.mark.parametrize("fault", [JUNK, CUT, ""])
def test_it_asks_again_after_an_unusable_answer(alice: Persona, model: ScriptedModel, fault: str) -> None:
    model.answers(fault, "Now it works.")
    assert alice.execute().json()["result"] == "Now it works."


def test_limits_can_only_lower_what_the_agent_allows(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Go.", limits={"max_output_tokens": 1_000_000})
    assert model.requests[0].body["max_completion_tokens"] == 2000


def test_it_takes_a_body_without_content_length(alice: Persona) -> None:
    chunks = iter([b'{"task": ', b'"Say hello."}'])
    answer = alice.post("/agent/execute", content=chunks, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_the_types_are_those_the_key_may_call(alice: Persona) -> None:
    agents = {agent["slug"]: agent for agent in alice.get("/agent/types").json()["agents"]}
    assert set(agents) == {
        "general", "research", "analyst", "writer", "coder", "auto", "critic", "editor", "librarian",
    }  # fmt: skip
    assert "calculator" in agents["analyst"]["tools"]
    assert agents["auto"]["delegates"]
    assert agents["general"]["limits"]["max_cost_usd"] == "0.5"


def test_it_drops_what_postgresql_cannot_store(alice: Persona, model: ScriptedModel) -> None:
    model.answers("before\x00 \ud800 after")
    task = alice.execute("Say it.").json()
    assert task["result"] == "before ? after"
    assert alice.status(task["task_id"]).json()["result"] == "before ? after"
