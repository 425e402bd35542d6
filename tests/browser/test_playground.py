"""The playground: agents tried in the browser, by operators and by key holders."""

import re

from playwright.sync_api import Page, expect

from agents.models import Task
from tests.agents.making import draft, published
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.scripted_model import ScriptedModel, text, tool_call

POEM = ["Over the sea ", "the sun ", "sinks low."]


def test_an_operator_tries_a_draft_and_watches_it(console: Page, model: ScriptedModel, worker: None) -> None:
    published("poet")
    version = draft("poet", tools=["calculator"])
    console.goto(f"/admin/agents/agentversion/{version.pk}/change/")
    console.get_by_role("link", name="Try", exact=True).click()
    expect(console.get_by_label("Version")).to_have_value(str(version.pk))
    expect(console.get_by_text("At most $0.5, 12 steps, 120 s.")).to_be_visible()
    model.answers(tool_call("calculator", expression="6*7"))
    hold = model.holds(text("".join(POEM), chunks=POEM), after=1)
    console.get_by_label("Task").fill("Rhyme on 42")
    console.get_by_label("Task").press("Control+Enter")
    expect(console.get_by_label("The answer")).to_have_text(POEM[0].strip())
    expect(console.get_by_text("poet calls calculator")).to_be_visible()
    pictured(console, "playground-streams.png")
    hold.release()
    expect(console.get_by_label("The answer")).to_have_text("".join(POEM))
    expect(console.locator(".status")).to_have_text("Completed")
    console.get_by_text("poet calls calculator").click()
    expect(console.locator(".steps pre").last).to_have_text("42")
    expect(console.get_by_text("2 of models, 1 of tools")).to_be_visible()
    pictured(console, "playground-console.png", full_page=True)
    console.get_by_role("link", name=str(Task.objects.get().pk)).click()
    expect(console).to_have_url(re.compile("/admin/agents/task/"))


def test_two_versions_side_by_side(console: Page, model: ScriptedModel, worker: None) -> None:
    published("poet", instructions="Answer in prose.")
    draft("poet", instructions="Answer in verse.")
    model.when("in prose", "The sun sets.")
    model.when("in verse", "The sun is gone, its day is done.")
    console.goto("/admin/agents/agentversion/playground/")
    console.get_by_label("Version").select_option(label="poet v1, published")
    console.get_by_role("button", name="Compare two").click()
    expect(console.get_by_label("Version").last).to_have_value(re.compile(r"\d+"))
    console.get_by_label("Version").last.select_option(label="poet v2, draft")
    console.get_by_label("Task").fill("Tell of the sun")
    console.get_by_role("button", name="Run").click()
    expect(console.get_by_label("The answer").first).to_have_text("The sun sets.")
    expect(console.get_by_label("The answer").last).to_have_text("The sun is gone, its day is done.")
    pictured(console, "playground-two.png", full_page=True)
    assert Task.objects.count() == 2


def test_what_is_refused_is_said_on_the_page(console: Page, model: ScriptedModel, worker: None) -> None:
    published("poet")
    console.goto("/admin/agents/agentversion/playground/")
    console.get_by_label("Task").fill("Rhyme")
    console.get_by_text("Context", exact=True).click()
    console.get_by_label("Further facts").fill("{no")
    console.get_by_role("button", name="Run").click()
    expect(console.get_by_role("alert")).to_contain_text("The context is no JSON")
    console.get_by_label("Further facts").fill("")
    model.fails(400)
    console.get_by_role("button", name="Run").click()
    expect(console.locator(".status")).to_have_text("Failed: model_failed")


def test_a_wrong_key_is_told_so(page: Page, alice: Persona, troubles: list[str]) -> None:
    page.goto("/playground")
    page.get_by_label("Your API key").fill("wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("alert")).to_contain_text("does not exist or was revoked")
    assert "401" in troubles.pop()


def test_a_key_holder_tries_agents_with_a_key(page: Page, alice: Persona, model: ScriptedModel) -> None:
    page.goto("/playground")
    page.get_by_label("Your API key").fill(alice.key)
    page.get_by_label("Your API key").press("Enter")
    page.get_by_label("Agent", exact=True).select_option("analyst")
    model.answers(tool_call("calculator", expression="6*7"), text("It is 42.", chunks=["It ", "is ", "42."]))
    page.get_by_label("Task").fill("What is six times seven?")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_label("The answer")).to_have_text("It is 42.")
    expect(page.locator(".status")).to_have_text("Completed")
    expect(page.get_by_text("Limits left")).to_be_visible()
    pictured(page, "playground-key.png", full_page=True)
    page.reload()
    expect(page.get_by_label("Agent", exact=True).locator("option", has_text="analyst")).to_have_count(1)
    page.get_by_role("button", name="Forget it").click()
    page.reload()
    expect(page.get_by_label("Your API key")).to_have_value("")
    expect(page.get_by_label("Agent", exact=True).locator("option")).to_have_count(0)


def test_the_same_call_is_written_for_programs(page: Page, alice: Persona, model: ScriptedModel) -> None:
    page.goto("/playground")
    page.get_by_label("Your API key").fill(alice.key)
    page.get_by_role("button", name="Use it").click()
    page.get_by_label("Agent", exact=True).select_option("writer")
    page.get_by_label("Task").fill('It\'s a "test"')
    page.get_by_text("The same from a program").click()
    program = page.locator("#program")
    expect(program).to_contain_text('\'{"task":"It\'\\\'\'s a \\"test\\"","agent_type":"writer"}\'')
    page.get_by_role("button", name="Python").click()
    expect(program).to_contain_text('with api.stream("It\'s a \\"test\\"", agent_type="writer") as stream:')
    page.get_by_role("button", name="JavaScript").click()
    expect(program).to_contain_text('"agent_type": "writer"')
    assert alice.key not in program.inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    pictured(page, "playground-phone.png", full_page=True)


def test_a_task_that_is_stopped_says_so(page: Page, alice: Persona, model: ScriptedModel) -> None:
    page.goto("/playground")
    page.get_by_label("Your API key").fill(alice.key)
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_label("Agent", exact=True).locator("option")).not_to_have_count(0)
    hold = model.holds(text("".join(POEM), chunks=POEM), after=1)
    page.get_by_label("Task").fill("Rhyme")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_label("The answer")).to_have_text(POEM[0].strip())
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".status")).to_have_text("Cancelled")
    hold.release()
