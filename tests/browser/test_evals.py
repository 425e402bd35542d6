"""The operator's way from a bad rating to a closed gate, in a browser."""

from playwright.sync_api import Page, expect

from agents import sweeper
from agents.evals import running
from agents.evals.models import Case, Check, DataSet, Run
from agents.models import AgentVersion
from tests.agents.making import ACTOR, draft, published
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually


def a_finished_run(model: ScriptedModel) -> Run:
    """A run of an agent on one case, which fails; a worker has to be there."""
    version = published("rhymer")
    cases = DataSet.objects.create(agent=version.agent, name="Basics")
    case = Case.objects.create(data_set=cases, name="Sun", task="Rhyme on sun")
    Check.objects.create(case=case, kind="contains", value="fun")
    run = running.start(cases, version, actor=ACTOR)

    def has_ended() -> bool:
        running.advance()
        run.refresh_from_db()
        return run.status == "finished"

    eventually(has_ended, within=30)
    return run


def test_from_a_bad_rating_to_a_closed_gate(console: Page, alice: Persona, model: ScriptedModel, worker: None) -> None:
    verdict = {"verdicts": [{"statement": 0, "why": "It says 42, not 43.", "holds": False}]}
    model.when("statements", verdict)
    model.when("six times seven", "It is 42.")
    task_id = alice.execute("What is six times seven?").json()["task_id"]
    alice.post("/agent/feedback", json={"task_id": task_id, "rating": 1, "correction": "It is 43."})
    second = draft("general", instructions="Answer.")

    console.get_by_role("link", name="Feedback").first.click()
    console.locator("#result_list tbody a").first.click()
    console.get_by_role("button", name="Turn into a test case").click()
    expect(console.get_by_text("It is a case of general: Regressions now.")).to_be_visible()
    pictured(console, "eval-case.png", full_page=True)
    console.get_by_role("button", name="Save", exact=True).click()
    expect(console.get_by_role("heading", name="Cases")).to_be_visible()
    console.get_by_label("Required").check()
    console.get_by_role("button", name="Save and continue editing").click()
    console.get_by_label("Run it on").select_option(label=f"v{second.number}, draft")
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.get_by_text("0 of 1 have ended")).to_be_visible()
    pictured(console, "eval-running.png", full_page=True)

    def has_ended() -> bool:
        sweeper.sweep({"moved": running.advance})
        return not Run.objects.filter(status="running").exists()

    eventually(has_ended, within=30)
    expect(console.get_by_text("It says 42, not 43.")).to_be_visible()
    pictured(console, "eval-run.png", full_page=True)
    console.get_by_role("link", name=f"general v{second.number}", exact=True).click()
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_text("0 of 1 cases pass; 100 % have to").first).to_be_visible()
    pictured(console, "eval-gate.png", full_page=True)
    assert AgentVersion.objects.get(pk=second.pk).status == "draft"
    console.set_viewport_size({"width": 390, "height": 844})
    console.goto(f"/admin/evals/run/{Run.objects.get().pk}/change/")
    pictured(console, "eval-phone.png", full_page=True)
