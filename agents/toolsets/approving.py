"""An operator's word on tools: which may be offered, as they are now."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from agents.toolsets.listing import fingerprint
from agents.toolsets.models import ToolsetTool

State = ToolsetTool.State


@transaction.atomic
def approve(tools: Iterable[ToolsetTool], actor: Actor) -> list[Any]:
    """Offer the tools as they describe themselves now; gives those that were not offered before. Unfit ones stay as they are."""
    approved = []
    for tool in _locked(tools):
        if tool.state in (State.NEW, State.CHANGED):
            before = audit.snapshot(tool)
            tool.approved, tool.approved_fingerprint = tool.content, fingerprint(tool.content)
            tool.save()
            audit.record(actor, "approved", tool, before=before)
            approved.append(tool)
    return approved


@transaction.atomic
def withdraw(tools: Iterable[ToolsetTool], actor: Actor) -> list[Any]:
    """Offer the tools no longer; gives those whose approval was taken back."""
    withdrawn = []
    for tool in _locked(tools):
        if tool.approved is not None:
            before = audit.snapshot(tool)
            tool.approved, tool.approved_fingerprint = None, ""
            tool.save()
            audit.record(actor, "withdrawn", tool, before=before)
            withdrawn.append(tool)
    return withdrawn


def _locked(tools: Iterable[ToolsetTool]) -> Iterator[Any]:
    """The rows as they are now, held against a look-up at the same time."""
    for tool in tools:
        yield type(tool)._default_manager.select_for_update().get(pk=tool.pk)
