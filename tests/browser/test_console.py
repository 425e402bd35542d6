"""The whole console in a real browser, with markup planted wherever somebody else's text can stand.

Nothing of it may run, nothing of it may become an element, and no page may break its own Content-Security-Policy: what does so
is an error in the browser's console, which fails the test (conftest.py).
"""

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, models
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Dialog, Page, expect

from accounts.models import SCOPES, Refusal
from accounts.money.models import Budget, Price, Pruning
from agents.approvals.models import Approval
from agents.evals.models import Case, Check, DataSet, Outcome, Run
from agents.http_apis.models import HttpApi, HttpOperation
from agents.knowledge.models import Collection, Document, Passage
from agents.mcp_servers.models import McpServer, McpTool
from agents.models import Agent, GuardMark
from tests.agents.making import draft, published
from tests.api import Persona
from tests.personas import OPERATOR
from tests.scripted_model import ScriptedModel, tool_call
from tests.security.markup import ALL, TEXTS

# What is told from a fixed set of words, or names a row elsewhere: written over, it would be no page at all.
CONVERSATION = "6f0b8c0e-58a3-4f5e-9d53-0d8f6c5b7a11"
KEPT = {
    "username",
    "password",
    "slug",
    "prefix",
    "language",
    "currency",
    "period",
    "actor_kind",
    "strategy",
    "mode",
    "kind",
}
# Rows of these come from a crash, or from the platform's processes.
NEEDS_MORE = {"unknownoutcome", "process", "dailyusage"}


def plant(dora: Persona, model: ScriptedModel) -> None:
    """Fill every table that the console shows: by the API where there is a way, then by writing over what came of it."""
    model.when("plant", tool_call("calculator", expression=ALL[:400]), ALL)
    fields: dict[str, Any] = {
        "context": {text: text for text in TEXTS[:20]},
        "metadata": {"planted": TEXTS[1]},
        "conversation_id": CONVERSATION,
    }
    task = dora.execute(f"plant\n{ALL}".replace("\t", " ")[:9000], agent_type="analyst", **fields).json()
    dora.post("/agent/feedback", json={"task_id": task["task_id"], "rating": 1, "comment": ALL[:2000], "tags": ["a"]})
    dora.post("/account/webhook-secret")
    dora.execute(webhook_url="https://example.com/hook", cache="bypass")
    dora.post("/account/keys", json={"name": TEXTS[1], "scopes": ["execute"]})
    told = {"figures": {"required": TEXTS[1], "allowed": list(TEXTS)}, "status": 403, "method": "GET", "detail": ALL}
    Refusal.objects.create(client=dora.client, api_key=dora.api_key, **told)
    published("poet", description=TEXTS[0], instructions=ALL)
    draft("poet", description=TEXTS[1], instructions=ALL)
    server = McpServer.objects.create(name="planted", url="https://mcp.example.com")
    McpTool.objects.create(name="planted__tool", remote_name="x", server=server, description=ALL, parameters={"x": ALL})
    api = HttpApi.objects.create(name="planted-api", base_url="https://api.example.com", document=ALL)
    HttpOperation.objects.create(
        name="planted-api__tool", remote_name="x", api=api, description=ALL, parameters={"x": ALL}
    )
    collection = Collection.objects.create(name="planted", agents=["general"])
    document = Document.objects.create(
        collection=collection, title="a", file_name="a.md", format="md", size_bytes=1, reason=ALL, status="failed"
    )
    Passage.objects.create(document=document, collection=collection, number=1, text=ALL, start=0, end=1)
    Group.objects.create(name=TEXTS[1])
    GuardMark.objects.create(text=ALL, is_attack=True, marked_by=TEXTS[0])
    Budget.objects.create(client=dora.client, limit_usd=100)
    Price.objects.create(model="planted", input_usd=1, output_usd=1)
    asked = {"approval_id": "a1", "run": "0", "agent": "general", "kind": Approval.Kind.values[0], "text": ALL}
    Approval.objects.create(task_id=task["task_id"], expires_at=timezone.now(), comment=ALL, **asked)
    cases = DataSet.objects.create(agent=Agent.objects.get(slug="poet"), name="planted")
    case = Case.objects.create(data_set=cases, name="planted", task=ALL, created_by=TEXTS[0])
    Check.objects.create(case=case, kind="contains", value=ALL)
    run = Run.objects.create(data_set=cases, version=published("poet"), digest=b"", total=1, started_by=TEXTS[1])
    Outcome.objects.create(
        run=run, case=case, name=TEXTS[0], asked=ALL, answer=ALL, checks=[], findings=[{"holds": False, "why": ALL}]
    )
    Pruning.objects.create(before=timezone.now(), entries=1, amount_usd=1)
    numbers = count()
    for kind in admin.site._registry:
        for field in kind._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField) and field.name not in KEPT and not field.choices:
                write_over(kind, field, numbers)


def write_over(kind: type[models.Model], field: "models.Field[str, str]", numbers: Iterator[int]) -> None:
    """As if every check at every door had failed. Where PostgreSQL refuses, it stays as it was."""
    fitting = [text for text in TEXTS if len(text) <= (field.max_length or 10_000)] or [TEXTS[0][: field.max_length]]
    for row in kind._default_manager.all()[:3]:
        text = ALL if field.max_length is None else fitting[next(numbers) % len(fitting)]
        with contextlib.suppress(DatabaseError):
            kind._default_manager.filter(pk=row.pk).update(**{field.name: text})


def pages() -> Iterator[str]:
    """Of every table the list, the form, two rows, and what can be done with a row."""
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(username=OPERATOR)
    yield "/admin/"
    yield "/admin/?over=month"
    yield f"{reverse('admin:agents_guardmark_measure')}?of=marks"
    yield reverse("admin:agents_agentversion_playground")
    for kind, table in admin.site._registry.items():
        name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}"
        yield reverse(f"{name}_changelist")
        if table.has_add_permission(request):
            yield reverse(f"{name}_add")
        for row in kind._default_manager.all()[:2]:
            yield reverse(f"{name}_change", args=[row.pk])
        for row in kind._default_manager.all()[:1]:
            yield reverse(f"{name}_history", args=[row.pk])
            if table.has_delete_permission(request, row):
                yield reverse(f"{name}_delete", args=[row.pk])


@pytest.mark.timeout(300)
def test_planted_markup_stays_text(console: Page, newcomer: Callable[..., Persona], model: ScriptedModel) -> None:
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(f"{console.url}: {dialog.message}")
        dialog.dismiss()

    console.on("dialog", note)
    plant(newcomer(TEXTS[1], scopes=list(SCOPES)), model)
    empty = {kind._meta.model_name for kind in admin.site._registry if not kind._default_manager.exists()}
    assert empty <= NEEDS_MORE, "a new table: fill it in `plant`"
    broken = {}
    for address in pages():
        console.goto(address, wait_until="load")
        if console.locator("[data-planted]").count() or dialogs:
            broken[address] = dialogs
    assert broken == {}


def test_what_the_console_does_by_script_works_under_its_policy(console: Page, alice: Persona) -> None:
    """Each of these is said in unfold's templates with more than the strict build of Alpine reads (console.js)."""
    alice.execute()
    console.goto("/admin/agents/task/")
    sidebar = console.locator("#nav-sidebar")
    expect(sidebar).to_be_visible()
    console.get_by_text("dock_to_right").first.click()
    expect(sidebar).to_be_hidden()
    console.reload()
    expect(sidebar).to_be_hidden()
    console.keyboard.press("Control+k")
    search = console.locator("input[x-ref=searchInputCommand]")
    expect(search).to_be_visible()
    search.press_sequentially("tier")
    expect(console.locator("#command-results-list").get_by_text("Tiers").first).to_be_visible()
    search.press("ArrowDown")
    search.press("Enter")
    console.wait_for_url("**/admin/accounts/tier/")
