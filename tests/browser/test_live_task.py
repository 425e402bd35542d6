"""A running task's page in the console: watched as it writes, and stopped."""

from playwright.sync_api import Page, expect

from accounts.models import AuditEntry
from agents.models import Task
from tests.agents.making import published
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.scripted_model import ScriptedModel, text, tool_call
from tests.waiting import eventually

WORDS = ["Over the sea ", "the sun ", "sinks low."]


def test_a_task_is_watched_to_its_end(console: Page, alice: Persona, model: ScriptedModel, worker: None) -> None:
    published("poet", tools=["calculator"])
    model.answers(tool_call("calculator", expression="6*7"))
    hold = model.holds(text("".join(WORDS), chunks=WORDS), after=1)
    task_id = alice.execute("Rhyme", agent_type="poet", async_execution=True).json()["task_id"]
    console.goto(f"/admin/agents/task/{task_id}/change/")
    expect(console.get_by_label("What it writes")).to_have_text(WORDS[0].strip())
    expect(console.get_by_text("poet calls calculator")).to_be_visible()
    expect(console.get_by_role("status")).to_have_text("Running: poet, step 2")
    pictured(console, "live-task.png")
    hold.release()
    expect(console.get_by_text("completed").first).to_be_visible()
    expect(console.get_by_label("What it writes")).to_have_count(0)


def test_a_task_that_goes_wrong_is_stopped(console: Page, alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds(text("".join(WORDS), chunks=WORDS), after=1)
    task_id = alice.execute("Rhyme", async_execution=True).json()["task_id"]
    console.goto(f"/admin/agents/task/{task_id}/change/")
    expect(console.get_by_label("What it writes")).to_have_text(WORDS[0].strip())
    console.get_by_role("button", name="Cancel the task").click()
    expect(console.get_by_text("The task is cancelled")).to_be_visible()
    eventually(lambda: Task.objects.get().status == "cancelled")
    hold.release()
    assert AuditEntry.objects.filter(action="cancelled", subject=task_id, actor="operator").count() == 1


def test_what_it_waits_for_is_answered_from_its_page(
    console: Page, alice: Persona, model: ScriptedModel, worker: None
) -> None:
    published("poet", approval="result")
    model.answers("A poem.")
    task_id = alice.execute("Rhyme", agent_type="poet", async_execution=True).json()["task_id"]
    alice.status(task_id, wait=5)
    console.goto(f"/admin/agents/task/{task_id}/change/")
    console.get_by_role("link", name="It asks to").click()
    console.get_by_text("Approve", exact=True).click()
    console.get_by_role("button", name="Save", exact=True).click()
    assert alice.status(task_id, wait=10).json()["result"] == "A poem."
