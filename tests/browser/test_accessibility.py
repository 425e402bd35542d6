"""axe-core finds nothing serious: on the console's pages, wide or on a phone, light or dark, nor on our own beside it."""

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it comes without types
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from agents.models import Agent, AgentVersion, Task
from tests.agents.making import draft
from tests.api import Persona
from tests.browser.test_evals import a_finished_run
from tests.scripted_model import ScriptedModel

Scheme = Literal["light", "dark"]
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SERIOUS = ("serious", "critical")


def faults(page: Page, path: str) -> list[str]:
    """What axe finds on a page: the rule, the element, and why."""
    page.goto(path)
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{path}: {each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_nothing_serious_in_the_console(
    console: Page, alice: Persona, model: ScriptedModel, worker: None, size: str, scheme: Scheme
) -> None:
    run = a_finished_run(model)
    alice.execute("Say hello.")
    version = draft("poet")
    console.emulate_media(color_scheme=scheme)
    console.set_viewport_size(SIZES[size])  # type: ignore[arg-type]  # the keys are those of a size
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
    ]
    pages = [
        "/admin/",
        "/admin/doctor/",
        reverse("admin:agents_agentversion_playground"),
        reverse("admin:agents_guardmark_measure"),
        reverse("admin:accounts_apikey_add"),
        reverse("admin:accounts_apikey_change", args=[alice.api_key.pk]),
        reverse("admin:agents_agent_change", args=[Agent.objects.get(slug="poet").pk]),
        reverse("admin:agents_agentversion_change", args=[version.pk]),
        reverse("admin:agents_agentversion_change", args=[AgentVersion.objects.order_by("pk")[0].pk]),
        reverse("admin:agents_task_change", args=[Task.objects.filter(client=alice.client).get().pk]),
        reverse("admin:evals_dataset_change", args=[run.data_set_id]),
        reverse("admin:evals_run_change", args=[run.pk]),
        *lists,
    ]
    assert [fault for path in pages for fault in faults(console, path)] == []


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_nothing_serious_on_our_own_pages(page: Page, size: str, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]  # the keys are those of a size
    pages = ["/", "/playground", "/docs/errors", "/docs/keys", "/admin/login/"]
    assert [fault for path in pages for fault in faults(page, path)] == []
