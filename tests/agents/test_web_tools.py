"""Agents with the tools that reach out of the process: through the API, in the request and in the background."""

import pytest
from pytest_django import Settings

from tests.api import Persona
from tests.outside import OutsideServer
from tests.scripted_model import ScriptedModel, tool_call


def test_the_coder_runs_its_code(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("run_python", code="print('hello'[::-1])"), "It prints olleh.")

    task = alice.execute("Reverse hello.", agent_type="coder").json()

    assert (task["result"], task["usage"]["tool_calls"]) == ("It prints olleh.", 1)
    assert model.requests[0].tools == ["run_python"]
    assert model.requests[1].body["messages"][-1]["content"] == "olleh"


@pytest.mark.usefixtures("worker")
def test_a_worker_runs_code_too(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("run_python", code="1 / 0"), "It divides by zero.")
    task = alice.ended(alice.execute("Try it.", agent_type="coder", async_execution=True).json()["task_id"])
    assert task["result"] == "It divides by zero."
    assert "ZeroDivisionError" in model.requests[1].body["messages"][-1]["content"]


def test_research_reads_the_web_before_it_writes_up(
    alice: Persona, model: ScriptedModel, outside: OutsideServer, settings: Settings
) -> None:
    outside.on("/search", '{"results": [{"title": "Pears", "url": "https://example.com/", "content": "Green."}]}')
    outside.on("/pears", "<title>Pears</title><p>They are green.</p>")
    settings.WEB_SEARCH_PROVIDER, settings.WEB_SEARCH_URL = "searxng", outside.url
    model.answers(
        '["What colour are pears?"]',
        "I think green.",
        tool_call("web_search", query="pears"),
        tool_call("web_fetch", url=f"{outside.url}/pears"),
        "They are green.",
    )

    task = alice.execute("What colour are pears?", agent_type="research").json()

    assert (task["status"], task["result"]) == ("completed", "They are green.")
    assert model.requests[2].tools == ["web_search", "web_fetch"]
    assert "https://example.com/" in model.requests[3].body["messages"][-1]["content"]
    assert "Title: Pears" in model.requests[4].body["messages"][-1]["content"]


def test_without_a_provider_research_is_not_told_of_a_search(alice: Persona, model: ScriptedModel) -> None:
    model.answers('["What colour are pears?"]', "I think green.", "Green.")
    alice.execute("What colour are pears?", agent_type="research")
    assert model.requests[2].tools == ["web_fetch"]


def test_a_page_that_is_refused_does_not_fail_the_task(alice: Persona, model: ScriptedModel) -> None:
    model.answers(
        '["What does it say?"]',
        "I do not know.",
        tool_call("web_fetch", url="http://169.254.169.254/latest/"),
        "It cannot be read.",
    )
    task = alice.execute("Read the metadata.", agent_type="research").json()
    assert (task["status"], task["result"]) == ("completed", "It cannot be read.")
    assert model.requests[3].body["messages"][-1]["content"] == "169.254.169.254 is not on the public internet."
