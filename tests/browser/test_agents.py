"""An agent's life in the console, as an operator sees it."""

from playwright.sync_api import Page, expect

from agents.models import Agent, AgentVersion
from tests.agents.making import draft, published
from tests.browser.pictures import pictured

FIRST = "You write short poems.\nRhyme where it comes easily.\nName no living person.\nTwelve lines at most."
SECOND = "You write short poems.\nRhyme every second line.\nName no living person.\nEight lines at most.\nGive a title."


def test_an_operator_makes_an_agent(console: Page) -> None:
    console.goto("/admin/agents/agent/add/")
    console.get_by_label("Slug").fill("poet")
    console.get_by_role("button", name="Save", exact=True).click()
    console.goto(f"/admin/agents/agentversion/add/?agent={Agent.objects.get(slug='poet').pk}")
    console.get_by_label("Description").fill("Writes short poems.")
    console.get_by_label("Instructions").fill(FIRST)
    console.get_by_label("calculator").check()
    console.get_by_label("Model settings").fill('{"top_p": 2}')
    console.get_by_role("button", name="Save and continue editing").click()
    expect(console.get_by_text("top_p: It takes a number above 0, at most 1.")).to_be_visible()
    console.get_by_label("Model settings").fill('{"top_p": 0.9}')
    console.get_by_role("button", name="Save and continue editing").click()
    expect(console.get_by_text("is a draft: it can be changed")).to_be_visible()
    pictured(console, "version.png", full_page=True)
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_text("poet v1 is published. New tasks run it within seconds.")).to_be_visible()
    assert AgentVersion.objects.get(agent__slug="poet").tools == ["calculator"]


def test_an_operator_compares_tries_out_and_rolls_back(console: Page) -> None:
    published("poet", description="Writes short poems.", instructions=FIRST)
    published("poet", description="Writes short poems with a title.", instructions=SECOND, tools=["calculator"])
    draft("poet", description="Writes sonnets.", instructions=f"{SECOND}\nFourteen lines.", model="gpt-4.1")
    agent = Agent.objects.get(slug="poet")
    console.goto(f"/admin/agents/agent/{agent.pk}/change/")
    pictured(console, "agent.png", full_page=True)
    console.get_by_label("old", exact=True).nth(2).check()
    console.get_by_label("new", exact=True).nth(1).check()
    console.get_by_role("button", name="Compare the two chosen").click()
    expect(console.get_by_text("Rhyme every second line.")).to_be_visible()
    pictured(console, "compare.png", full_page=True)
    assert f"/admin/agents/agent/{agent.pk}/compare/?" in console.url
    console.go_back()
    console.get_by_label("Percent of new tasks that run v3").fill("25")
    console.get_by_role("row", name="v3").get_by_role("button", name="Try out with").click()
    expect(console.get_by_text("25 % of the new tasks of poet run poet v3 within seconds.")).to_be_visible()
    console.get_by_role("row", name="v3").get_by_role("button", name="Stop trial").click()
    expect(console.get_by_text("poet v3 is retired: it is over.")).to_be_visible()
    console.get_by_role("button", name="Roll back to v1").first.click()
    expect(console.get_by_text("poet v1 is published in place of v2, which is retired.")).to_be_visible()
    assert AgentVersion.objects.get(agent=agent, status="published").number == 1
