"""The pictures of README.md: `make screenshots` takes them anew, any other run looks whether they can be taken."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agents.evals import running as evals
from agents.evals.models import Case, Check, DataSet, Run
from agents.models import Task
from tests.agents.making import ACTOR, draft, published
from tests.api import Persona
from tests.personas import OPERATOR, OPERATOR_PASSWORD
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)
IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST_BYTES = 250_000
TASKS = (
    (
        "writer",
        "Welcome the reader of our newsletter in one line.",
        "Welcome! Your evening ride starts with a light you can trust.",
    ),
    ("coder", "Reverse a list in Python.", "`items[::-1]` gives a reversed copy."),
    ("general", "What is a message queue?", "It keeps messages until a program is ready to take them."),
)
Take = Callable[[str], None]


@pytest.fixture
def take(page: Page) -> Take:
    """`take("admin")`: keep what the page shows as docs/images/admin.png, when that is asked for."""
    page.set_viewport_size({"width": 1280, "height": 800})

    def take(name: str) -> None:
        page.evaluate("document.fonts.ready")
        picture = page.screenshot(animations="disabled")
        if os.environ.get("WRITE_IMAGES"):
            IMAGES.mkdir(exist_ok=True)
            (IMAGES / f"{name}.png").write_bytes(picture)

    return take


def test_swagger(page: Page, take: Take) -> None:
    page.goto("/docs")
    expect(page.locator(".opblock-summary-path").filter(has_text="/agent/execute")).to_be_visible(timeout=60_000)
    take("swagger")


def test_the_console_shows_a_task(
    page: Page, take: Take, newcomer: Callable[..., Persona], model: ScriptedModel
) -> None:
    acme = newcomer("Acme")
    for agent_type, task, answer in TASKS:
        model.answers(answer)
        acme.execute(task, agent_type=agent_type)
    model.answers(tool_call("calculator", expression="1200 * 1.19"), "1,428.00 euros: 1,200.00 plus 19 % VAT.")
    task_id = acme.execute("What are 1,200 euros with 19 % VAT?", agent_type="analyst").json()["task_id"]

    log_in(page)
    page.goto(f"/admin/agents/task/{task_id}/change/")
    expect(page.get_by_text("1200 * 1.19").first).to_be_attached()
    take("admin")


@pytest.mark.usefixtures("worker")
def test_the_console_shows_what_a_fork_changed(
    page: Page, take: Take, newcomer: Callable[..., Persona], model: ScriptedModel
) -> None:
    totals = "Gross total: 1,428.00 euros.\nVAT: 228.00 euros."
    model.answers(
        tool_call("calculator", expression="1200 * 1.19"), f"Certainly! Let me work that out for you.\n{totals}"
    )
    task_id = newcomer("Acme").execute("What are 1,200 euros with 19 % VAT?", agent_type="analyst").json()["task_id"]
    model.answers(f"{totals}\nRate: 19 %.")

    log_in(page)
    page.goto(f"/admin/agents/task/{task_id}/replay/")
    page.get_by_label("Step").select_option("2")
    page.get_by_label("Instructions").fill("Give the figures, a line each, and nothing else.")
    page.get_by_role("button", name="Fork").click()
    fork = Task.objects.get(forked_from=task_id)
    eventually(lambda: Task.objects.filter(pk=fork.pk, status="completed").exists(), within=30)
    page.reload()
    expect(page.get_by_text("Rate: 19 %.")).to_be_visible()
    take("fork")


@pytest.mark.usefixtures("worker")
def test_two_versions_in_the_playground(page: Page, take: Take, model: ScriptedModel) -> None:
    published("support", instructions="Answer the customer.", tools=["calculator"])
    draft("support", instructions="Answer the customer in two sentences at most.", tools=["calculator"])
    vat = tool_call("calculator", expression="1200 * 0.19 / 1.19")
    model.when(
        "in two sentences",
        vat,
        "Your refund includes 191.60 euros of VAT. It will be with you within five working days.",
    )
    model.when(
        "Answer the customer", vat,
        "Thank you for your message! I have looked into it for you. The amount of 1,200 euros includes value added tax at a rate "
        "of 19 %, which comes to 191.60 euros. The refund has been issued and should arrive within five working days. Please "
        "do not hesitate to write again if you have any further questions.",
    )  # fmt: skip
    log_in(page)
    page.goto("/admin/agents/agentversion/playground/")
    page.get_by_label("Version").select_option(label="support v1, published")
    page.get_by_role("button", name="Compare two").click()
    page.get_by_label("Version").last.select_option(label="support v2, draft")
    page.get_by_label("Task").fill(
        "I sent back goods of 1,200 euros. How much VAT is in my refund, and when will it come?"
    )
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".status", has_text="Completed")).to_have_count(2)
    take("playground")


@pytest.mark.usefixtures("worker")
def test_a_run_on_a_data_set(page: Page, take: Take, model: ScriptedModel) -> None:
    first = published("support")
    cases = DataSet.objects.create(agent=first.agent, name="Refunds", is_required=True, pass_percent=90)
    asked = {
        "When it comes": ("When will my refund come?", "Within five working days.", "five working days"),
        "How much VAT": ("How much VAT is in 1,200 euros?", "191.60 euros.", "191.60"),
        "Wrong article": ("I got the wrong article.", "Send it back free of charge.", "free of charge"),
        "Lost parcel": ("My parcel is lost.", "We send a new one today.", "new one"),
    }
    for name, (task, answer, text) in asked.items():
        case = Case.objects.create(data_set=cases, name=name, task=task)
        Check.objects.create(case=case, kind="contains", value=text)
        model.when(task, answer, "Please write to our support." if name == "Lost parcel" else answer)
    for version in (first, draft("support", instructions="Be brief.")):
        run = evals.start(cases, version, actor=ACTOR)

        def has_ended(run: Run = run) -> bool:
            evals.advance()
            run.refresh_from_db()
            return run.status == "finished"

        eventually(has_ended, within=30)
    log_in(page)
    page.goto(f"/admin/evals/run/{cases.runs.latest('pk').pk}/change/")
    expect(page.get_by_text("1 worse")).to_be_visible()
    take("evaluation")


def log_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(OPERATOR)
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("name", ["admin", "swagger", "fork", "playground", "evaluation"])
def test_the_pictures_are_there_and_small(name: str) -> None:
    picture = (IMAGES / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < LARGEST_BYTES
