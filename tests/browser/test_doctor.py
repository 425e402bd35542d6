"""The doctor's page, as an operator sees it."""

import os
from datetime import timedelta
from pathlib import Path

from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from agents.models import Task
from tests.api import Persona
from tests.personas import OPERATOR, OPERATOR_PASSWORD

PICTURES = os.environ.get("PICTURES")


def test_an_operator_sees_what_is_wrong_and_mends_it(page: Page, alice: Persona) -> None:
    alice.execute(async_execution=True)
    Task.objects.update(status=Task.Status.RUNNING, lease_token=1, lease_expires_at=Now() - timedelta(minutes=5))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/doctor/")
    page.get_by_label("Username").fill(OPERATOR)
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Something does not work.")).to_be_visible()
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "doctor.png", full_page=True)
        page.set_viewport_size({"width": 390, "height": 844})
        page.screenshot(path=Path(PICTURES) / "doctor-phone.png", full_page=True)
    page.get_by_role("button", name="Sweep now").click()
    expect(page.get_by_text("Swept: taken over 1")).to_be_visible()
    expect(page.get_by_text("No task is stuck.")).to_be_visible()
