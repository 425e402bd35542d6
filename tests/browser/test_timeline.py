"""A task's timeline, as an operator sees it."""

import pytest
from playwright.sync_api import Page, expect

from tests.agents.making import published
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.scripted_model import ScriptedModel, tool_call


@pytest.mark.parametrize("width", [1280, 390])
def test_the_tree_is_read_at_a_glance(console: Page, alice: Persona, model: ScriptedModel, width: int) -> None:
    published("adder", tools=["calculator"])
    published("boss", delegates=["adder"])
    model.answers(
        tool_call("ask_adder", task="1 + 1"), tool_call("calculator", expression="1 + 1"), "Two.", "It is two."
    )
    task_id = alice.execute("How much?", agent_type="boss").json()["task_id"]
    console.set_viewport_size({"width": width, "height": 900})
    console.goto(f"/admin/agents/task/{task_id}/change/")
    rows = console.locator(".timeline tbody tr")
    expect(rows).to_have_count(7)
    rows.first.scroll_into_view_if_needed()
    expect(console.locator(".timeline tr.tool")).to_contain_text("calculator")
    pictured(console, f"timeline-{width}.png")
    assert console.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
