"""Agents written as YAML, for a file that people keep, review and bring to other installations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agents import content, publishing
from agents.exchange import notation
from agents.models import Agent

HEAD = "# Agents of Agentplatform; `manage.py importagents` reads this. What the fields mean: docs/agents.md\n"


@dataclass(frozen=True, slots=True)
class Export:
    """The text, how many agents are in it, and which are not, with the reason."""

    text: str
    count: int
    left_out: Sequence[tuple[str, str]]


def written(agents: Iterable[Agent], *, all_versions: bool = False) -> Export:
    """The agents as YAML, by slug: the version that each has published, else its newest; or all of its versions."""
    found: dict[str, Any] = {}
    left_out: list[tuple[str, str]] = []
    for agent in sorted(agents, key=lambda each: each.slug):
        if publishing.is_code(agent):
            left_out.append((agent.slug, "It is code, which stands in its module."))
        elif told := _agent(agent, all_versions=all_versions):
            found[agent.slug] = told if agent.is_active else {"is_active": False, **told}
        else:
            left_out.append((agent.slug, "It has no version."))
    return Export(HEAD + notation.write({"agents": found}), len(found), left_out)


def _agent(agent: Agent, *, all_versions: bool) -> dict[str, Any]:
    versions = list(agent.versions.order_by("number"))
    if not versions:
        return {}
    if all_versions:
        return {"versions": [{"number": each.number, "status": each.status, **content.of(each)} for each in versions]}
    return content.of(publishing.published(agent) or versions[-1])
