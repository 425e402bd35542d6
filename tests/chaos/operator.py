"""The operator who is asked what became of unsafe calls: looks whether the tool server had them, and decides accordingly.

A call that the tool server never had is made again; of one that it had, the operator tells the result.
"""

import json
import os
import time
import urllib.request

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
    for outcome in asked:
        wanted = json.loads(outcome.arguments)
        has_happened = _has_happened(outcome.tool, wanted["name"])
        decision, result = ("done", wanted["name"]) if has_happened else ("retry", "")
        outcomes.resolve(outcome.pk, decision, by="operator", result=result)


def _has_happened(tool: str, name: str) -> bool:
    with urllib.request.urlopen(f"{os.environ['CHAOS_TOOLS_URL']}/tools/{tool}/{name}", timeout=10) as answer:
        return bool(json.load(answer)["happened"])
