"""Refused calls, each by a rule, with the figures it went by."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from agents.demo.copying import copy
from agents.demo.owners import Owner, Owners

COLUMNS = (
    "at", "request_id", "client_id", "api_key_id", "tier", "method", "path", "address", "status", "code", "rule", "figures",
    "detail",
)  # fmt: skip
EXECUTE = "/agent/execute"


def make(dice: random.Random, owners: Owners, count: int, until: datetime) -> int:
    """So many refusals, of the days that they are kept for."""
    span = timedelta(days=min(settings.REFUSALS_KEPT_DAYS, 90)).total_seconds() - 3600
    ages = sorted((dice.random() ** 1.3 * span for _ in range(count)), reverse=True)
    callers = owners.some(dice, count)
    return copy("accounts_refusal", COLUMNS, _rows(dice, callers, [until - timedelta(seconds=age) for age in ages]))


def _rows(dice: random.Random, callers: list[Owner], moments: list[datetime]) -> Iterator[tuple[Any, ...]]:
    for caller, at in zip(callers, moments, strict=True):
        status, code, rule, figures, detail, path = _why(dice, caller)
        yield (
            at, f"{dice.getrandbits(128):032x}", caller.client_id, caller.key_id, caller.tier,
            "GET" if path == "/agent/tasks" else "POST", path, f"198.51.100.{dice.randrange(1, 255)}", status, code, rule,
            json.dumps(figures), detail,
        )  # fmt: skip


def _why(dice: random.Random, caller: Owner) -> tuple[int, str, str, dict[str, Any], str, str]:
    match dice.choices(
        ("rate", "scope", "network", "type", "attack", "budget", "expired"), weights=(70, 6, 3, 4, 8, 6, 3)
    )[0]:
        case "rate":
            wait = round(dice.uniform(0.4, 50), 1)
            figures = {"name": "requests", "limit": 10, "remaining": 0, "window_seconds": 60, "reset_seconds": wait}
            detail = f"10 requests per 60 s allowed for tier {caller.tier}; the next is allowed in {wait:g} s."
            return 429, "rate_limited", "requests", figures, detail, EXECUTE
        case "scope":
            figures = {"required": "execute", "allowed": ["read", "usage"]}
            return 403, "forbidden", "scope", figures, "This key may not execute; it may: read, usage.", EXECUTE
        case "network":
            figures = {"required": "198.51.100.7", "allowed": ["203.0.113.0/24"]}
            detail = "This key may not be used from 198.51.100.7; it may from: 203.0.113.0/24."
            return 403, "forbidden", "network", figures, detail, "/agent/tasks"
        case "type":
            figures = {"required": "coder", "allowed": ["general", "writer"]}
            detail = "This key may not call coder; it may call: general, writer."
            return 403, "forbidden", "agent_type", figures, detail, EXECUTE
        case "attack":
            score = round(dice.uniform(0.8, 0.99), 2)
            detail = "The text reads like an attempt to make the assistant break its instructions."
            return 400, "prompt_injection_detected", "instruction_override", {"score": score}, detail, EXECUTE
        case "budget":
            figures = {"budget": {"holder": "client", "period": "month", "limit_usd": "5", "remaining_usd": "0.01"}}
            detail = "The next model call may cost up to $0.02, and $0.01 are left of this client's $5 this month."
            return 402, "budget_exceeded", "budget", figures, detail, EXECUTE
    return 401, "expired_key", "expired_key", {}, "This key has expired.", EXECUTE
