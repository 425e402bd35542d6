"""The dashboard in a browser: read at a glance, wide and on a phone, light and dark, and alive."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from agents.models import Process, Task
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.scripted_model import ScriptedModel


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_a_busy_day(console: Page, alice: Persona, model: ScriptedModel, width: int, scheme: Any) -> None:
    Process.objects.create(name="worker@here:1", kind="worker", seen_at=Now(), running_tasks=3)
    for number in range(12):
        model.fails(400) if number % 5 == 4 else model.answers("Done.")
        alice.execute(f"Task {number}.", agent_type=("general", "writer")[number % 2])
    for place, task in enumerate(Task.objects.all()):
        Task.objects.filter(pk=task.pk).update(
            created_at=Now() - timedelta(hours=place % 7),
            completed_at=Now() - timedelta(hours=place % 7, seconds=-place),
        )
    console.emulate_media(color_scheme=scheme)
    console.set_viewport_size({"width": width, "height": 900})
    console.goto("/admin/")
    expect(console.get_by_text("Running", exact=True)).to_be_visible()
    expect(console.locator("svg rect.completed").first).to_be_attached()
    pictured(console, f"dashboard-{width}-{scheme}.png")
    assert console.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_first_day(console: Page) -> None:
    console.set_viewport_size({"width": 1280, "height": 900})
    console.goto("/admin/?over=week")
    expect(console.get_by_text("No task has ended.").first).to_be_visible()
    pictured(console, "dashboard-empty.png")


def test_it_is_alive(console: Page, alice: Persona) -> None:
    console.clock.install()
    console.goto("/admin/?over=hour")
    ended = console.locator(".cards > div", has_text="Ended")
    expect(ended).to_contain_text(re.compile(r"Ended\s*0"))
    alice.execute()
    console.clock.run_for(11_000)
    expect(ended).to_contain_text(re.compile(r"Ended\s*1"))
    expect(console.locator("#live")).to_contain_text("as of")
