"""Agents as code in the database: a version for each declaration that there was, the present one published."""

from collections.abc import Iterable

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from agents import content, publishing
from agents.code import loading
from agents.code.declaring import CodeAgent, registered
from agents.cycles import told, way_back
from agents.models import Agent, AgentVersion

Status, CODE = AgentVersion.Status, AgentVersion.Strategy.CODE


class CannotPublish(ValueError):
    """The declarations do not fit what is there. The message names the agent and says what would be right."""


@transaction.atomic
def publish(agents: Iterable[CodeAgent], *, actor: Actor) -> list[AgentVersion]:
    """Publish what the modules declare; gives the versions that were not published before.

    Raises CannotPublish for an agent that operators made, and for tools and delegates that do not exist or lead back.
    """
    list(Agent.objects.select_for_update().order_by("pk").values_list("pk"))
    declared = list(agents)
    rows = [(each, _agent(each, actor)) for each in declared]
    delegates = publishing.published_delegates() | {each.slug: each.fields["delegates"] for each in declared}
    changed: list[AgentVersion] = []
    for each, agent in rows:
        fields = _fields(each)
        if way := way_back(each.slug, delegates):
            raise CannotPublish(f"{each.origin}, the agent {each.slug}: {told(way)}.")
        versions = sorted(
            agent.versions.all(), key=lambda version: (version.status != Status.PUBLISHED, -version.number)
        )
        same = next((version for version in versions if content.of(version) == fields), None)
        if same is None:
            same = publishing.new_draft(agent, fields, actor=actor)
        if same.status != Status.PUBLISHED:
            publishing.publish_checked(same, actor=actor)
            changed.append(same)
    return changed


def gone() -> list[str]:
    """The agents as code that no module declares any more."""
    published = AgentVersion.objects.filter(strategy=CODE, status=Status.PUBLISHED)
    return sorted(set(published.values_list("agent__slug", flat=True)) - registered().keys())


def _agent(each: CodeAgent, actor: Actor) -> Agent:
    agent, is_new = Agent.objects.get_or_create(slug=each.slug)
    if is_new:
        audit.record(actor, "created", agent)
    elif agent.versions.exclude(strategy=CODE).exists():
        raise CannotPublish(
            f"{each.origin} declares the agent {each.slug}, which is not code here; give it another slug."
        )
    return agent


def _fields(each: CodeAgent) -> dict[str, object]:
    kept, faults = content.checked(loading.fields_of(each), publishing.known_to(each.slug))
    if faults:
        faulty = " ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise CannotPublish(f"{each.origin}, the agent {each.slug}. {faulty}")
    return {**kept, "strategy": CODE}
