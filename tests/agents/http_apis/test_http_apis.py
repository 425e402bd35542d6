"""HTTP APIs: brought in by operators, called by tasks, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry
from agentplatform import credentials
from agents import teams
from agents.http_apis.models import HttpApi, HttpOperation
from agents.models import Agent, AgentVersion, Event, UnknownOutcome
from agents.tools import sources
from tests.agents.http_apis.shop import DOCUMENT, Shop
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually

APIS, OPERATIONS = "/admin/http_apis/httpapi/", "/admin/http_apis/httpoperation/"
SECRET = "k3y-that-nobody-sees"
Ask = Callable[..., str]


@pytest.fixture
def shop(settings: Any) -> Iterator[Shop]:
    settings.EGRESS_ALLOWED = ["127.0.0.1:*"]
    shop = Shop()
    yield shop
    shop.stop()
    sources.forget()


def form(**fields: Any) -> dict[str, Any]:
    plain = {
        "name": "shop", "pasted": "", "document_url": "", "base_url": "", "is_active": "on", "call_seconds": 2,
        "scheme": "none", "credential_name": "", "idempotency_header": "", "user": "", "secret": "",
    }  # fmt: skip
    return {**plain, **fields}


def faults(operator: Client, fields: dict[str, Any], pk: int | None = None) -> str:
    """What the form says is wrong."""
    answer = operator.post(f"{APIS}{pk}/change/" if pk else f"{APIS}add/", fields)
    assert answer.status_code == 200, "the form was taken"
    return json.dumps(answer.context["adminform"].form.errors, default=str)


def approve_all(operator: Client) -> None:
    everything = {
        "action": "approve_chosen",
        "_selected_action": [str(tool.pk) for tool in HttpOperation.objects.all()],
    }
    operator.post(OPERATIONS, everything)
    sources.forget()


def hire(*tools: str) -> None:
    agent, _ = Agent.objects.get_or_create(slug="clerk")
    row = {
        "description": "Works.",
        "instructions": "Work.",
        "tools": list(tools),
        "cache_seconds": 0,
        "max_cost_usd": 5,
    }
    AgentVersion.objects.create(agent=agent, number=1, status="published", **row)
    teams.forget()
    sources.forget()


@pytest.fixture
def brought_in(operator: Client, shop: Shop) -> HttpApi:
    """The shop's API with a key, all of it approved, and the agent `clerk` that may use it."""
    fields = form(pasted=shop.document, scheme="header", credential_name="X-API-Key", secret=SECRET)
    assert operator.post(f"{APIS}add/", fields).status_code == 302
    approve_all(operator)
    hire("shop__*")
    return HttpApi.objects.get()


@pytest.fixture
def ask(alice: Persona, model: ScriptedModel) -> Ask:
    """`ask("shop__getOrder", id="7")`: have a task call the tool; what the model reads of it."""

    def ask(tool: str, **arguments: Any) -> str:
        model.answers(tool_call(tool, **arguments), "Done.")
        task = alice.execute("Work.", agent_type="clerk").json()
        assert task["result"] == "Done.", task
        return str(model.requests[-1].messages[-1]["content"])

    return ask


def test_an_operator_brings_an_api_in_and_an_agent_uses_it(
    operator: Client, shop: Shop, alice: Persona, model: ScriptedModel
) -> None:
    fields = form(pasted=shop.document, scheme="bearer", secret=SECRET)
    told = operator.post(f"{APIS}add/", fields, follow=True).content.decode()
    assert "5 tools; new: shop__createOrder, shop__deleteOrder" in told
    api = HttpApi.objects.get()
    assert (api.title, api.base_url, api.asks_for) == ("The shop", shop.url, "apiKey header X-API-Key")
    hire("shop__*")
    alice.execute("Work.", agent_type="clerk")
    assert "tools" not in model.requests[0].body, "nothing is offered before it is approved"
    operation = HttpOperation.objects.get(name="shop__createOrder")
    page = operator.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert "Place an order." in page
    assert "/orders" in page
    approve_all(operator)
    model.answers(tool_call("shop__createOrder", body={"item": "tea", "count": 2}), "Ordered.")
    task = alice.execute("Order two teas.", agent_type="clerk").json()
    assert task["result"] == "Ordered."
    assert model.requests[-1].messages[-1]["content"] == 'HTTP 201 Created\n{"method":"POST","path":"/v1/orders"}'
    [asked] = shop.asked
    assert (asked.method, asked.path, json.loads(asked.body)) == ("POST", "/v1/orders", {"item": "tea", "count": 2})
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.headers["Content-Type"] == "application/json"
    entries = AuditEntry.objects.filter(actor="operator").values_list("subject_kind", "action", "subject")
    assert ("HTTP API", "created", "shop") in entries
    assert ("HTTP operation", "approved", "shop__createOrder") in entries


def test_arguments_arrive_where_they_belong(brought_in: HttpApi, shop: Shop, ask: Ask) -> None:
    ask("shop__listOrders", limit=5, tag=["a b", "c&d"], **{"X-Shop": "north"})
    ask("shop__getOrder", id="a/b?c#d é")
    listed, shown = shop.asked
    assert listed.path == "/v1/orders?limit=5&tag=a%20b&tag=c%26d"
    assert listed.headers["X-Shop"] == "north"
    assert shown.path == "/v1/orders/a%2Fb%3Fc%23d%20%C3%A9"
    assert "cannot be called like this: $.limit: 51 is greater than the maximum of 50" in ask(
        "shop__listOrders", limit=51
    )
    assert "it cannot be empty" in ask("shop__getOrder", id="../admin")
    assert "has a character that no header may have" in ask("shop__listOrders", **{"X-Shop": "a\r\nX-Evil: 1"})
    assert len(shop.asked) == 2


SAID: list[tuple[str, str]] = [
    ("missing", 'HTTP 404 Not Found\n{"detail":"There is none."}'),
    ("broken", "HTTP 500 Internal Server Error\nTrace"),
    ("gateway", "HTTP 502 Bad Gateway\nBad gateway"),
    ("moved", "HTTP 302 Found\nIt redirects to http://169.254.169.254/latest, which is not followed."),
    ("nothing", "HTTP 204 No Content"),
    ("junk", "HTTP 200 OK\n{"),
    ("charset", "HTTP 200 OK\nü"),
    ("binary", "HTTP 200 OK\n[104 bytes of image/png are left out, for only text can be read here.]"),
    ("hang", "The API shop did not answer, or broke its answer off."),
    ("cut", "The API shop did not answer, or broke its answer off."),
]


@pytest.mark.parametrize(("kind", "told"), SAID, ids=[kind for kind, _ in SAID])
def test_each_kind_of_answer_is_told(brought_in: HttpApi, ask: Ask, kind: str, told: str) -> None:
    assert ask("shop__say", kind=kind) == told


@pytest.mark.parametrize("kind", ["endless", "deep"])
def test_an_answer_has_an_end(brought_in: HttpApi, ask: Ask, kind: str) -> None:
    told = ask("shop__say", kind=kind)
    assert told.startswith("HTTP 200 OK\n[[[[[")
    assert told.endswith("[The output was cut here: it is longer than 32 KiB.]")


def test_an_api_that_echoes_the_key_does_not_tell_it(
    brought_in: HttpApi, ask: Ask, shop: Shop, alice: Persona, logs: Any
) -> None:
    told = ask("shop__say", kind="echo")
    assert shop.asked[0].headers["X-API-Key"] == SECRET
    assert '"X-API-Key": "[redacted]"' in told
    journal = "".join(json.dumps(event.data) for event in Event.objects.all())
    assert SECRET not in told + journal + logs.text


def test_an_unsafe_call_without_an_answer_is_left_to_an_operator(
    operator: Client, brought_in: HttpApi, model: ScriptedModel, alice: Persona
) -> None:
    HttpOperation.objects.filter(name="shop__say").update(own_effect="unsafe")
    sources.forget()
    for kind in ("gateway", "cut"):
        model.answers(tool_call("shop__say", kind=kind))
        assert alice.execute("Work.", agent_type="clerk").json()["status"] == "awaiting_approval"
    assert UnknownOutcome.objects.count() == 2


def test_a_call_made_again_has_the_same_key(brought_in: HttpApi, shop: Shop, ask: Ask) -> None:
    HttpApi.objects.update(idempotency_header="Idempotency-Key")
    sources.forget()
    ask("shop__createOrder", body={"item": "tea"})
    ask("shop__createOrder", body={"item": "tea"})
    keys = [asked.headers["Idempotency-Key"] for asked in shop.asked]
    assert len(set(keys)) == 2
    assert all(len(key) == 32 and key.isalnum() for key in keys)


def test_a_private_address_is_not_connected_to(
    brought_in: HttpApi, shop: Shop, ask: Ask, settings: Any, operator: Client
) -> None:
    settings.EGRESS_ALLOWED = []
    assert ask("shop__getOrder", id="7") == "The API shop cannot be called: 127.0.0.1 is not on the public internet."
    operator.post(
        f"{APIS}{brought_in.pk}/change/",
        form(base_url=shop.url, document_url=f"{shop.url}/openapi.yaml", scheme="header", credential_name="X-API-Key"),
    )
    told = operator.post(f"{APIS}{brought_in.pk}/look-up/", follow=True).content.decode()
    assert "cannot be fetched: 127.0.0.1 is not on the public internet" in told
    assert shop.asked == []


def test_cancelling_the_task_ends_the_call(
    brought_in: HttpApi, shop: Shop, alice: Persona, model: ScriptedModel, worker: None
) -> None:
    HttpApi.objects.update(call_seconds=60)
    sources.forget()
    model.answers(tool_call("shop__say", kind="hang"))
    task_id = alice.execute("Work.", agent_type="clerk", async_execution=True).json()["task_id"]
    eventually(lambda: len(shop.asked) == 1)
    alice.post(f"/agent/cancel/{task_id}")
    assert alice.ended(task_id)["status"] == "cancelled"


def test_a_document_is_fetched_and_what_changed_waits(operator: Client, shop: Shop, ask: Ask) -> None:
    operator.post(f"{APIS}add/", form(document_url=f"{shop.url}/openapi.yaml"))
    api = HttpApi.objects.get()
    assert not HttpOperation.objects.exists()
    told = operator.post(f"{APIS}{api.pk}/look-up/", follow=True).content.decode()
    assert "5 tools; new: " in told
    api.refresh_from_db()
    assert api.base_url == shop.url
    approve_all(operator)
    hire("shop__*")
    assert ask("shop__getOrder", id="7").startswith("HTTP 200")
    shop.text = DOCUMENT.replace("BASE", "http://evil.example").replace("/orders/{id}", "/admin/{id}")
    told = operator.post(f"{APIS}{api.pk}/look-up/", follow=True).content.decode()
    assert "to be approved again: shop__deleteOrder, shop__getOrder" in told
    api.refresh_from_db()
    assert api.base_url == shop.url, "a document does not lead credentials elsewhere"
    sources.forget()
    assert "no tool named 'shop__getOrder'" in ask("shop__getOrder", id="7")


def test_an_uploaded_file_is_read(operator: Client, shop: Shop) -> None:
    upload = BytesIO(shop.document.encode("utf-8-sig"))
    upload.name = "openapi.yaml"
    assert operator.post(f"{APIS}add/", form(uploaded=upload)).status_code == 302
    assert HttpOperation.objects.count() == 5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "A document is needed: paste it, upload it, or give its URL."),
    ({"pasted": "{"}, "line 1, column 2: The document is no JSON"),
    ({"pasted": '{"swagger": "2.0"}'}, "swagger: Swagger 2.0 is not read"),
    ({"pasted": "DOCUMENT", "base_url": "api.example.com"}, "A URL is needed"),
    ({"pasted": "DOCUMENT", "base_url": "https://a.example/?x=1"}, "A base URL has no query"),
    ({"pasted": "NO SERVER"}, "The document names no server; enter the base URL of the API."),
    ({"pasted": "DOCUMENT", "name": "Shop"}, "lower-case letters, digits and hyphens"),
    ({"pasted": "DOCUMENT", "scheme": "header", "secret": "k"}, "Say in which header or parameter the key goes."),
    ({"pasted": "DOCUMENT", "scheme": "bearer", "credential_name": "X"}, "Only an API key has a name"),
    (
        {"pasted": "DOCUMENT", "scheme": "header", "credential_name": "a b", "secret": "k"},
        "It cannot be sent: a header's name",
    ),
    (
        {"pasted": "DOCUMENT", "scheme": "header", "credential_name": "Host", "secret": "k"},
        "set by the platform itself",
    ),
    ({"pasted": "DOCUMENT", "secret": "k"}, "Say how the credentials are sent."),
    ({"pasted": "DOCUMENT", "scheme": "basic", "user": "Ada"}, "Enter the password as well"),
    ({"pasted": "DOCUMENT", "scheme": "basic", "secret": "k"}, "A user name is needed, without a colon."),
    ({"pasted": "DOCUMENT", "scheme": "bearer", "user": "Ada", "secret": "k"}, "Only “User and password” has a user"),
    ({"pasted": "DOCUMENT", "scheme": "bearer", "secret": "a\u00a0b"}, "it takes plain ASCII"),
    ({"pasted": "DOCUMENT", "idempotency_header": "a\tb"}, "It cannot be sent"),
    ({"pasted": "DOCUMENT", "uploaded": b"x"}, "Paste the document or upload it, not both."),
    ({"uploaded": b"\xff\xfe"}, "The document is no text in UTF-8."),
    ({"uploaded": b"x" * (5 * 1024 * 1024 + 1)}, "The document is larger than 5 MiB."),
]


@pytest.mark.parametrize(("fields", "told"), WRONG, ids=map(str, range(len(WRONG))))
def test_a_wrong_field_says_what_would_be_right(
    operator: Client, shop: Shop, fields: dict[str, Any], told: str
) -> None:
    texts = {"DOCUMENT": shop.document, "NO SERVER": shop.document.replace(shop.url, "/v1")}
    given = {**fields, "pasted": texts.get(fields.get("pasted", ""), fields.get("pasted", ""))}
    if content := fields.get("uploaded"):
        given["uploaded"] = BytesIO(content)
        given["uploaded"].name = "openapi.yaml"
    assert told.replace("“", "\\u201c").replace("”", "\\u201d") in faults(operator, form(**given))
    assert not HttpApi.objects.exists()


def test_a_name_belongs_to_one_toolset_of_any_kind(operator: Client, shop: Shop) -> None:
    from agents.mcp_servers.models import McpServer

    McpServer.objects.create(name="shop", url="https://mcp.example.com")
    assert "There is an MCP server of this name; take another." in faults(operator, form(pasted=shop.document))


def test_the_key_goes_in_and_never_comes_out(operator: Client, brought_in: HttpApi, shop: Shop, logs: Any) -> None:
    assert credentials.opened(brought_in.sealed) == {"secret": SECRET}
    page = operator.get(f"{APIS}{brought_in.pk}/change/").content.decode()
    assert "The shop" in page
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row for (row,) in cursor.fetchall()]
    assert SECRET not in "".join(rows) + page + operator.get("/admin/accounts/auditentry/").content.decode() + logs.text


def test_the_key_is_for_one_place_alone(operator: Client, brought_in: HttpApi, shop: Shop) -> None:
    same = form(base_url=shop.url, scheme="header", credential_name="X-API-Key")
    assert operator.post(f"{APIS}{brought_in.pk}/change/", same).status_code == 302
    elsewhere = {**same, "base_url": "https://evil.example/v1"}
    assert "meant for the former address" in faults(operator, elsewhere, brought_in.pk)
    answer = operator.post(
        f"{APIS}{brought_in.pk}/change/", {**elsewhere, "forget_credentials": "on"}, follow=True
    ).content.decode()
    assert "5 approvals were taken back" in answer
    brought_in.refresh_from_db()
    assert (brought_in.base_url, brought_in.sealed) == ("https://evil.example/v1", "")


def test_credentials_that_no_key_opens_are_told_without_them(
    brought_in: HttpApi, ask: Ask, shop: Shop, settings: Any
) -> None:
    settings.CREDENTIALS_KEYS = ["another " * 8]
    assert (
        ask("shop__getOrder", id="7") == "The API shop cannot be called: an operator has to enter its credentials anew."
    )
    assert shop.asked == []
