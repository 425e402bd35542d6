"""The pages of the console, by name and address; first, next and last pages are found by their links."""

import html
import re
from collections.abc import Iterator

import httpx

from bench.platform import Platform

PASSWORD = "correct-horse-battery"  # noqa: S105  # of a database that ends with the run
LISTS = (
    "agents/task", "conversations/conversation", "approvals/approval", "agents/unknownoutcome", "webhooks/delivery",
    "feedback/feedback", "usage/dailyusage", "agents/process", "agents/agent", "agents/agentversion", "mcp_servers/mcpserver",
    "mcp_servers/mcptool", "http_apis/httpapi", "http_apis/httpoperation", "knowledge/collection", "knowledge/document",
    "knowledge/passage", "accounts/client", "accounts/apikey", "accounts/tier", "accounts/refusal", "agents/guardmark",
    "accounts/auditentry", "money/budget", "money/price", "money/ledgerentry", "money/pruning", "auth/user", "auth/group",
)  # fmt: skip
PAGED = (
    "agents/task", "conversations/conversation", "webhooks/delivery", "feedback/feedback", "usage/dailyusage", "accounts/client",
    "accounts/apikey", "accounts/refusal", "money/budget", "money/ledgerentry",
)  # fmt: skip
FILTERED = {
    "agents/task": (
        "status=completed", "status=failed", "status=awaiting_approval", "agent_type=research", "agent_type=nobody",
        "exit_reason=model_failed", "exit_reason=attempts_exhausted", "mode=stream", "guard=noted",
    ),
    "approvals/approval": ("state=open",),
    "agents/unknownoutcome": ("state=open",),
    "webhooks/delivery": ("state__exact=failed", "state__exact=pending", "kind=approval.requested"),
    "feedback/feedback": ("rating=1", "agent=research", "tag=wrong-tone"),
    "accounts/apikey": ("state=active", "state=revoked"),
    "accounts/client": ("tier__id__exact=1",),
    "accounts/refusal": ("code=budget_exceeded", "rule=network", "rule=nothing"),
    "money/ledgerentry": ("kind__exact=unknown", "kind__exact=unsent", "model=gpt-5-mini"),
    "money/budget": ("is_hard__exact=0",),
}  # fmt: skip
SPANS = ("hour", "day", "week", "month", "quarter")


def operator(run: Platform) -> httpx.Client:
    """A client that is signed in to the console."""
    client = httpx.Client(base_url=run.url, timeout=120, follow_redirects=True)
    client.get("/admin/login/")
    form = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    shown = client.post("/admin/login/?next=/admin/", data=form, headers={"Referer": run.url})
    if shown.status_code != 200 or "/admin/login" in str(shown.url):
        raise SystemExit("The console did not let the operator in.")
    return client


def pages(run: Platform, client: httpx.Client) -> Iterator[tuple[str, str]]:
    """Every page, by its name."""
    for span in SPANS:
        yield f"dashboard, {span}", f"/admin/?over={span}"
    yield "doctor", "/admin/doctor/"
    yield "guard", "/admin/agents/guardmark/measure/"
    for name in LISTS:
        yield name, f"/admin/{name}/"
    for name in PAGED:
        first = client.get(f"/admin/{name}/").text
        for which in ("next", "last"):
            if link := _link(first, which):
                yield f"{name}, {which} page", f"/admin/{name}/{link}"
    for name, filters in FILTERED.items():
        for each in filters:
            yield f"{name}, {each}", f"/admin/{name}/?{each}"
    yield from _searches(run)
    yield from _single(run)


def _link(page: str, which: str) -> str:
    """The address of the page after this one, or of the last, as the page itself links to it."""
    named = {
        word.strip().lower(): html.unescape(link)
        for link, word in re.findall(r'<a\s+href="(\?[^"]*)"[^>]*>([^<]*)</a>', page)
    }
    if which in named:
        return named[which]
    numbers = [int(number) for number in re.findall(r'href="\?p=(\d+)"', page)]
    return f"?p={2 if which == 'next' else max(numbers)}" if numbers else ""


def _searches(run: Platform) -> Iterator[tuple[str, str]]:
    ((task_id, request_id, order),) = run.query(
        "SELECT id, request_id, metadata->>'order' FROM agents_task WHERE metadata ? 'order' LIMIT 1 OFFSET 999"
    )
    ((conversation, client),) = run.query(
        "SELECT conversation_id, name FROM conversations_conversation c JOIN accounts_client a ON a.id = c.client_id LIMIT 1"
    )
    ((prefix,),) = run.query("SELECT prefix FROM accounts_apikey ORDER BY id LIMIT 1 OFFSET 9")
    ((refused,),) = run.query("SELECT request_id FROM accounts_refusal ORDER BY at LIMIT 1")
    wanted = {
        "agents/task": (task_id, request_id, conversation, f"order={order}", client, "nothing-of-the-kind"),
        "conversations/conversation": (conversation, client),
        "webhooks/delivery": (task_id,),
        "feedback/feedback": ("quarter", "nothing-of-the-kind"),
        "usage/dailyusage": (client,),
        "accounts/client": (client, prefix),
        "accounts/apikey": (prefix, client),
        "accounts/refusal": (refused, client),
        "money/ledgerentry": (task_id,),
        "money/budget": (client,),
        "agents/unknownoutcome": (task_id,),
        "accounts/auditentry": ("demodata",),
    }
    kinds = {task_id: "a task", request_id: "a request", conversation: "a conversation", client: "a client", prefix: "a key",
             refused: "a request", f"order={order}": "metadata"}  # fmt: skip
    for name, words in wanted.items():
        for word in words:
            yield f"{name}, search for {kinds.get(word, word)}", f"/admin/{name}/?q={word}"


def _single(run: Platform) -> Iterator[tuple[str, str]]:
    for name, table, column, order in (
        ("agents/task", "agents_task", "id", "last_seq DESC"),
        ("conversations/conversation", "conversations_conversation", "id", "turns DESC"),
        ("approvals/approval", "approvals_approval", "id", "id"),
        ("agents/unknownoutcome", "agents_unknownoutcome", "id", "decision"),
        ("webhooks/delivery", "webhooks_delivery", "id", "created_at DESC"),
        ("feedback/feedback", "feedback_feedback", "task_id", "created_at DESC"),
        ("usage/dailyusage", "usage_dailyusage", "id", "id"),
        ("agents/agent", "agents_agent", "id", "id"),
        ("agents/agentversion", "agents_agentversion", "id", "id"),
        (
            "accounts/client",
            "accounts_client",
            "id",
            "(SELECT count(*) FROM accounts_apikey WHERE client_id = accounts_client.id) DESC",
        ),
        ("accounts/apikey", "accounts_apikey", "id", "id"),
        ("accounts/tier", "accounts_tier", "id", "id"),
        ("accounts/refusal", "accounts_refusal", "id", "id"),
        ("money/budget", "money_budget", "id", "id"),
        ("money/ledgerentry", "money_ledgerentry", "id", "id"),
        ("accounts/auditentry", "accounts_auditentry", "id", "id"),
    ):
        rows = run.query(f"SELECT {column} FROM {table} ORDER BY {order} LIMIT 1")  # noqa: S608  # our own names
        if rows:
            yield f"{name}, one", f"/admin/{name}/{rows[0][0]}/change/"
    ((task_id,),) = run.query(
        "SELECT id FROM agents_task WHERE completed_at IS NOT NULL ORDER BY last_seq DESC LIMIT 1"
    )
    yield "agents/task, replay", f"/admin/agents/task/{task_id}/replay/"
    ((client_id,),) = run.query("SELECT client_id FROM agents_task ORDER BY id LIMIT 1")
    yield "usage/dailyusage, a client", f"/admin/usage/dailyusage/?client__id__exact={client_id}"
    yield "money/ledgerentry, a client", f"/admin/money/ledgerentry/?client__id__exact={client_id}"
    yield "conversations of one client", f"/admin/conversations/conversation/?client__id__exact={client_id}"
