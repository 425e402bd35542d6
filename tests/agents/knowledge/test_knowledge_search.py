"""What agents find in documents, and how their answers cite it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agents.knowledge import citations, search
from agents.knowledge.models import Passage
from agents.models import Agent, AgentVersion
from tests.agents.knowledge import files
from tests.agents.knowledge.conftest import Shelve
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call

HANDBOOK = """\
# Leave

Everybody has thirty days of holiday a year.

## Parental leave

Parental leave lasts six months. Tell your manager eight weeks before it begins.
"""
QUESTION: dict[str, Any] = {
    "task": "How long before parental leave do I tell my manager?",
    "agent_type": "librarian",
    "cache": "bypass",
}


def asked(persona: Persona, model: ScriptedModel, query: Any, answer: str = "Done.") -> str:
    """Have the librarian search; gives what the tool told the model."""
    model.answers(tool_call("knowledge_search", query=query), answer)
    task = persona.execute(**QUESTION).json()
    assert task["status"] == "completed", task
    return str(model.requests[-1].body["messages"][-1]["content"])


def test_an_answer_cites_the_passage(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    shelve("Rules", {"Handbook.md": HANDBOOK, "Canteen.txt": "Soup is served at noon."}, agents=["librarian"])
    model.answers(
        tool_call("knowledge_search", query="parental leave notice"), "Eight weeks [Handbook, Parental leave]."
    )
    task = alice.execute(**QUESTION).json()
    assert task["result"] == "Eight weeks [Handbook, Parental leave]."
    told = model.requests[1].body["messages"][-1]["content"]
    assert "[Handbook, Parental leave] Leave › Parental leave (passage " in told
    assert "eight weeks before it begins" in told
    assert "Soup" not in told
    steps = json.dumps(alice.status(task["task_id"], include="steps").json()["steps"], ensure_ascii=False)
    assert "[Handbook, Parental leave] Leave › Parental leave" in steps, "a client sees what was cited"


def test_who_may_read_no_collection_is_told_so(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["general", "librarians", "LIBRARIAN"])
    told = asked(alice, model, "parental leave")
    assert told == "There are no documents for the agent 'librarian'; an operator has to let it read a collection."


def test_only_the_agents_own_collections_are_searched(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    shelve("Board", {"Secret.txt": "Parental leave will be shortened."}, agents=["general"])
    shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["writer", "librarian"])
    told = asked(alice, model, "parental leave")
    assert "[Handbook, " in told
    assert "Secret" not in told


def test_a_delegate_reads_what_it_may_itself(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    """Not what the agent may that called it."""
    shelve("Board", {"Secret.txt": "Parental leave will be shortened."}, agents=["secretary"])
    AgentVersion.objects.create(
        agent=Agent.objects.create(slug="secretary"), number=1, status="published", description="Asks.",
        instructions="Ask.", delegates=["librarian"], cache_seconds=0,
    )  # fmt: skip
    model.answers(
        tool_call("ask_librarian", task="Look up parental leave."),
        tool_call("knowledge_search", query="parental leave"),
        "Nothing.",
        "Nothing.",
    )
    assert alice.execute(**QUESTION | {"agent_type": "secretary"}).json()["status"] == "completed"
    [told] = [message["content"] for message in model.requests[2].body["messages"] if message["role"] == "tool"]
    assert told.startswith("There are no documents for the agent 'librarian'")


def test_what_is_deleted_is_not_found_any_more(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    """By a task that runs already, either."""
    collection = shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["librarian"])
    held = model.holds(tool_call("knowledge_search", query="parental leave"))
    with ThreadPoolExecutor(1) as elsewhere:
        task = elsewhere.submit(alice.execute, **QUESTION)
        held.reached()
        collection.delete()
        held.release()
        assert task.result(20).json()["status"] == "completed"
    assert model.requests[-1].body["messages"][-1]["content"].startswith("There are no documents")
    assert not Passage.objects.exists()


def test_a_page_of_a_pdf_is_cited_by_its_number(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    pages = [f"Page {number} says {'little ' * 220}" for number in range(1, 4)]
    shelve("Rules", {"Hand[book].pdf": files.pdf(*pages, "Parental leave lasts.")}, agents=["librarian"])
    assert "[Hand(book), p. 4] (passage " in asked(alice, model, "parental")


def test_a_text_without_headings_is_cited_by_its_part(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    shelve("Rules", {"Notes.txt": "\n\n".join(["word " * 250, "Parental leave lasts."])}, agents=["librarian"])
    assert "[Notes, part 2] (passage " in asked(alice, model, "parental")


def test_nothing_found_says_what_to_try(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["librarian"])
    assert asked(alice, model, "xylophone").startswith("No passage has any of these words.")
    assert asked(alice, model, "  ").startswith("The query is empty")
    assert "query" in asked(alice, model, ["a list"])


def test_what_comes_is_bounded(alice: Persona, shelve: Shelve, model: ScriptedModel) -> None:
    long = "\n\n".join(f"# Leave {number}\n\nleave {'字' * 4500}" for number in range(8))
    shelve("Rules", {"Long.md": long}, agents=["librarian"])
    told = asked(alice, model, "leave")
    assert 12_000 < len(told.encode()) <= citations.MAX_BYTES + 1000
    assert told.count("(passage ") == 1


@pytest.mark.parametrize("query", ["'; DROP TABLE knowledge_passage; --", "a & | ! (", "\u0000", "word " * 100_000])
def test_a_model_may_ask_anything(alice: Persona, shelve: Shelve, model: ScriptedModel, query: str) -> None:
    shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["librarian"])
    assert asked(alice, model, query)
    assert "[Handbook" in asked(alice, model, "holiday")


def test_while_documents_cannot_be_searched_the_task_goes_on(
    alice: Persona, shelve: Shelve, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve("Rules", {"Handbook.md": HANDBOOK}, agents=["librarian"])
    monkeypatch.setattr(search, "ALL_WORDS", "SELECT pg_sleep(20) /* {query} */")
    monkeypatch.setattr(search, "TIMEOUT", "50ms")
    assert asked(alice, model, "leave") == "The documents cannot be searched right now; try again with fewer words."
