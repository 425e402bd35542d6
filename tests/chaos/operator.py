"""The operator who is asked what became of unsafe calls: looks whether the tool server had them, and decides accordingly.

A call that the tool server never had is made again; of one that it had, the operator tells the result.
"""

import json
import os
import time
import urllib.request
from typing import Any

PAUSE_SECONDS = 1.0
# A call under way when its process was killed may still arrive.
ARRIVES_SECONDS = 3.0


def operate() -> None:
    """Decide whatever is asked, until the process is ended."""
    while True:
        time.sleep(PAUSE_SECONDS)
        try:
            _decide_all()
        except Exception as error:  # noqa: BLE001  # a store is being restarted; the next round may do
            print(type(error).__name__, error, flush=True)  # noqa: T201  # goes to this part's log


def _decide_all() -> None:
    from datetime import timedelta

    from django.db import close_old_connections
    from django.db.models.functions import Now

    from agents import outcomes
    from agents.models import UnknownOutcome

    close_old_connections()
    is_old_enough = {"created_at__lt": Now() - timedelta(seconds=ARRIVES_SECONDS)}
    asked = UnknownOutcome.objects.filter(decision="", task__status="awaiting_approval", **is_old_enough)
    effects = _effects() if asked.exists() else []
    for outcome in asked:
        wanted = json.loads(outcome.arguments)
        has_happened = any(effect["tool"] == outcome.tool and effect["name"] == wanted["name"] for effect in effects)
        decision, result = ("done", wanted["name"]) if has_happened else ("retry", "")
        outcomes.resolve(outcome.pk, decision, by="operator", result=result)


def _effects() -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{os.environ['CHAOS_TOOLS_URL']}/ledger", timeout=10) as answer:
        effects: list[dict[str, Any]] = json.load(answer)["effects"]
        return effects
