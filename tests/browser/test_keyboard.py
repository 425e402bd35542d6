"""What operators and key holders do, by keyboard alone, wide and on a phone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts import keys
from tests.agents.making import draft, published
from tests.api import Persona
from tests.personas import OPERATOR, OPERATOR_PASSWORD
from tests.scripted_model import ScriptedModel

MOST_TABS = 150
SIZES = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}]


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus, which everybody can see."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by Tab.")


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    tab_to(page, page.get_by_label("Username"))
    page.keyboard.type(OPERATOR)
    page.keyboard.press("Tab")
    page.keyboard.type(OPERATOR_PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/$"))


@pytest.mark.parametrize("size", SIZES, ids=["wide", "phone"])
def test_a_key_is_made(page: Page, alice: Persona, size: dict[str, int]) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]  # the keys are those of a size
    sign_in(page)
    page.goto(f"/admin/accounts/apikey/add/?client={alice.client.pk}")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("nightly report")
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("execute", exact=True))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Look over"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("It may execute.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("API key")).to_be_visible()
    assert keys.is_wellformed(page.get_by_label("API key").input_value())


@pytest.mark.parametrize("size", SIZES, ids=["wide", "phone"])
def test_a_version_is_tried_and_published(
    page: Page, alice: Persona, model: ScriptedModel, worker: None, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]  # the keys are those of a size
    published("poet")
    version = draft("poet", instructions="Answer in verse.")
    model.when("Rhyme", "It is fun.")
    sign_in(page)
    page.goto(f"/admin/agents/agentversion/{version.pk}/change/")
    tab_to(page, page.get_by_role("link", name="Try", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Task"))
    page.keyboard.type("Rhyme on sun")
    tab_to(page, page.get_by_role("button", name="Run"))
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_have_text("Completed")
    page.go_back()
    tab_to(page, page.get_by_role("button", name="Publish"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("poet v2 is published in place")).to_be_visible()


@pytest.mark.parametrize("size", SIZES, ids=["wide", "phone"])
def test_a_key_holder_tries_an_agent(page: Page, alice: Persona, model: ScriptedModel, size: dict[str, int]) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]  # the keys are those of a size
    model.answers("Hello!")
    page.goto("/playground")
    tab_to(page, page.get_by_label("Your API key"))
    page.keyboard.type(alice.key)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Task")).to_be_focused()
    page.keyboard.type("Say hello.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("The answer")).to_have_text("Hello!")
    tab_to(page, page.get_by_text("The same from a program"))
    page.keyboard.press("Enter")
    expect(page.locator("#program")).to_be_visible()


@pytest.mark.parametrize("size", SIZES, ids=["wide", "phone"])
def test_a_task_is_found_and_turned_into_a_case(
    page: Page, alice: Persona, model: ScriptedModel, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]  # the keys are those of a size
    model.answers("Green.")
    task_id = alice.execute("Which colour has grass?").json()["task_id"]
    sign_in(page)
    page.goto("/admin/agents/task/")
    search = page.locator("#searchbar")
    tab_to(page, search)
    page.keyboard.type('"grass"')
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=%22grass%22"))
    tab_to(page, page.locator(f'#result_list a[href*="{task_id}"]').first)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Turn into a test case"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is a case of general: Regressions now.")).to_be_visible()
