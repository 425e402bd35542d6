"""Keeping what a toolset lists: new tools wait for approval, changed ones for another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.toolsets import naming
from agents.toolsets.listing import Listed, fingerprint
from agents.toolsets.models import Toolset, ToolsetTool

State = ToolsetTool.State


@dataclass(frozen=True, slots=True)
class Changes:
    """How many tools there are now, and which of them are new, changed since their approval, or gone."""

    count: int
    new: list[str]
    changed: list[str]
    gone: list[str]

    def __str__(self) -> str:
        parts = [("new", self.new), ("to be approved again", self.changed), ("gone", self.gone)]
        told = "".join(
            f"; {kind}: {', '.join(names[:10])}{', …' * (len(names) > 10)}" for kind, names in parts if names
        )
        return f"{self.count} {'tool' if self.count == 1 else 'tools'}{told}."


@transaction.atomic
def store(toolset: Any, listing: Sequence[Listed]) -> Changes:
    """Make the toolset's rows say what it lists; nothing is approved by this, except what is new where all is approved."""
    toolset = type(toolset)._default_manager.select_for_update().get(pk=toolset.pk)
    known: dict[str, Any] = {tool.remote_name: tool for tool in toolset.tools.all()}
    before = {name: tool.state for name, tool in known.items()}
    taken = {tool.name for tool in known.values()}
    now = timezone.now()
    for item in listing:
        tool = known.get(item.remote_name) or _new(toolset, item.remote_name, taken)
        known[item.remote_name] = tool
        tool.description, tool.parameters, tool.details = item.description, item.parameters, item.details
        tool.told_effect, tool.fault, tool.is_gone, tool.seen_at = item.effect, item.fault, False, now
        if toolset.approves_all and tool.approved is None and not tool.fault:
            tool.approved, tool.approved_fingerprint = tool.content, fingerprint(tool.content)
        tool.save()
    for name in known.keys() - {item.remote_name for item in listing}:
        known[name].is_gone = True
        known[name].save()
    toolset.looked_up_at, toolset.fault = now, ""
    toolset.save(update_fields=["looked_up_at", "fault"])
    return _changes(known, before, len(listing))


def store_fault(toolset: Toolset, fault: str) -> None:
    """Keep why the toolset could not be looked up; its tools stay as they were."""
    toolset.looked_up_at, toolset.fault = timezone.now(), fault
    toolset.save(update_fields=["looked_up_at", "fault"])


def _new(toolset: Toolset, remote_name: str, taken: set[str]) -> Any:
    name = naming.tool_name(toolset.name, remote_name, taken)
    taken.add(name)
    tools: Any = toolset
    return tools.tools.model(**{tools.tools.field.name: toolset}, name=name, remote_name=remote_name)


def _changes(known: dict[str, Any], before: dict[str, str], count: int) -> Changes:
    moved = [(tool.name, tool.state) for name, tool in sorted(known.items()) if before.get(name) != tool.state]
    return Changes(
        count,
        new=[tool.name for name, tool in sorted(known.items()) if name not in before],
        changed=[name for name, state in moved if state == State.CHANGED],
        gone=[name for name, state in moved if state == State.GONE],
    )
