"""The console's first page."""

from typing import Any

from django.db import OperationalError
from django.http import HttpRequest

from agents import dashboard
from agents.dashboard import STRETCHES


def context(request: HttpRequest, shown: dict[str, Any]) -> dict[str, Any]:
    """What the page shows, to those who may see tasks."""
    if not request.user.has_perm("agents.view_task"):
        return shown
    stretch = STRETCHES.get(request.GET.get("over", ""), STRETCHES["day"])
    try:
        found = dashboard.figures(stretch)
    except OperationalError:
        return shown | {"stretches": STRETCHES.values(), "stretch": stretch, "is_slow": True}
    return shown | {"stretches": STRETCHES.values(), "stretch": stretch, "figures": found}
