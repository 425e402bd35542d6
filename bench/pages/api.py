"""The reading calls of the API, by name; each is made by many keys in turn, as many callers would."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx

from bench.platform import Platform

BUSIEST = """
    SELECT client.id, client.name FROM accounts_client client JOIN accounts_tier tier ON tier.id = client.tier_id
    JOIN (SELECT client_id, sum(completed) AS done FROM usage_dailyusage GROUP BY 1) AS used ON used.client_id = client.id
    WHERE tier.slug = 'unlimited' AND client.name LIKE 'Demo:%%' ORDER BY used.done DESC LIMIT %s
"""


@dataclass(frozen=True)
class Known:
    """A client's keys, and some of what belongs to it."""

    secrets: list[str]
    task_id: str
    waiting: str
    conversation_id: str
    rated: str


def known(run: Platform, client_id: Any, secret: str, keys: int) -> Known:
    """More keys for a client that has one, and what to ask for."""
    secrets = [secret]
    with httpx.Client(base_url=run.url, headers={"Authorization": f"Bearer {secret}"}) as client:
        for number in range(keys - 1):
            made = client.post("/account/keys", json={"name": f"bench {number}"}).raise_for_status().json()
            secrets.append(made["key"] if "key" in made else made["secret"])

    def one(sql: str) -> str:
        rows = run.query(sql, client_id)
        return str(rows[0][0]) if rows else ""

    return Known(
        secrets,
        task_id=one(
            "SELECT id FROM agents_task WHERE client_id = %s AND last_seq > 15 AND answers IS NULL ORDER BY id LIMIT 1"
        ),
        waiting=one("SELECT id FROM agents_task WHERE client_id = %s ORDER BY id DESC LIMIT 1"),
        conversation_id=one(
            "SELECT conversation_id FROM conversations_conversation WHERE client_id = %s ORDER BY turns DESC LIMIT 1"
        ),
        rated=one("SELECT task_id FROM feedback_feedback WHERE client_id = %s LIMIT 1"),
    )


CALLS: tuple[tuple[str, Callable[[Known], str]], ...] = (
    ("GET /agent/status", lambda of: f"/agent/status/{of.task_id}"),
    ("GET /agent/status?include=steps", lambda of: f"/agent/status/{of.task_id}?include=steps"),
    ("GET /agent/events", lambda of: f"/agent/events/{of.task_id}"),
    ("GET /agent/tasks", lambda _: "/agent/tasks"),
    ("GET /agent/tasks?limit=100", lambda _: "/agent/tasks?limit=100"),
    ("GET /agent/tasks?status=completed", lambda _: "/agent/tasks?status=completed"),
    ("GET /agent/tasks?status=failed", lambda _: "/agent/tasks?status=failed"),
    ("GET /agent/tasks?status=awaiting_approval", lambda _: "/agent/tasks?status=awaiting_approval"),
    ("GET /agent/tasks?agent_type=editor", lambda _: "/agent/tasks?agent_type=editor"),
    ("GET /agent/tasks?agent_type=nobody", lambda _: "/agent/tasks?agent_type=nobody"),
    ("GET /agent/tasks?conversation_id=", lambda of: f"/agent/tasks?conversation_id={of.conversation_id}"),
    ("GET /agent/tasks?created_before=", lambda _: "/agent/tasks?created_before=2000-01-01T00:00:00Z"),
    ("GET /agent/tasks?cursor=, the last", lambda _: "/agent/tasks?cursor="),
    ("GET /agent/usage", lambda _: "/agent/usage"),
    ("GET /agent/usage?format=csv", lambda _: "/agent/usage?format=csv"),
    ("GET /agent/types", lambda _: "/agent/types"),
    ("GET /agent/conversations", lambda _: "/agent/conversations"),
    ("GET /agent/conversations/{id}", lambda of: f"/agent/conversations/{of.conversation_id}"),
    ("GET /agent/feedback/{id}", lambda of: f"/agent/feedback/{of.rated}"),
    ("GET /account", lambda _: "/account"),
    ("GET /account/keys", lambda _: "/account/keys"),
    ("GET /health", lambda _: "/health"),
    ("GET /metrics", lambda _: "/metrics"),
)


def calls(client: httpx.Client, clients: list[Known]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each call by its name; asked again, the next key makes it."""
    everyone = [(each, secret) for each in clients for secret in each.secrets]
    cursors = {id(each): _last_cursor(client, each) for each in clients}
    for name, address in CALLS:
        turns = cycle(everyone)

        def ask(address: Callable[[Known], str] = address, turns: Any = turns) -> None:
            each, secret = next(turns)
            path = address(each)
            path += cursors[id(each)] if path.endswith("cursor=") else ""
            answer = client.get(path, headers={"Authorization": f"Bearer {secret}"})
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")

        yield name, ask


def _last_cursor(client: httpx.Client, of: Known) -> str:
    """The cursor of a client's oldest tasks: what a client has that went through all of them."""
    headers = {"Authorization": f"Bearer {of.secrets[0]}"}
    cursor = ""
    for _ in range(60):
        page = json.loads(client.get(f"/agent/tasks?limit=100{cursor and f'&cursor={cursor}'}", headers=headers).text)
        if not page.get("next_cursor"):
            break
        cursor = page["next_cursor"]
    return cursor
