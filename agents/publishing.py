"""The life of an agent's versions: draft, published, retired; and a candidate that part of the new tasks run.

Drafts change, all others do not. One version is published at a time, and one at most is tried out beside it. Tasks that were
accepted keep their version, whatever is done here. Everything is audited, in the transaction that does it.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor
from agentplatform.errors import FieldError
from agents import content, prices
from agents.code import declaring
from agents.cycles import told, way_back
from agents.evals import gate
from agents.models import Agent, AgentVersion, Task
from agents.tools import registry, sources

Status = AgentVersion.Status
OF_CODE = "{} is code: what its module declares is published at each start. To stop it, switch the agent off."


@transaction.atomic
def publish(version: AgentVersion, *, actor: Actor) -> AgentVersion | None:
    """Make this the version that new tasks run; gives the one that it takes the place of, which is retired.

    Raises ValidationError for what cannot run: a draft with faults, or one whose delegates lead back to it.
    """
    agent = _locked(version)
    _refuse_code(version)
    if version.status == Status.PUBLISHED:
        raise ValidationError(f"{version} is published already.")
    _require_fit(version)
    return _published(version, agent, actor)


@transaction.atomic
def publish_checked(version: AgentVersion, *, actor: Actor) -> AgentVersion | None:
    """The same for a version that was checked together with others, such as those of a file."""
    return _published(version, _locked(version), actor)


def _published(version: AgentVersion, agent: Agent, actor: Actor) -> AgentVersion | None:
    before = published(agent)
    if before:
        _move(before, Status.RETIRED, actor, "retired")
    if agent.candidate_id == version.pk:
        _share(agent, None, 0, actor, "trial ended")
    is_rollback = before is not None and version.published_at is not None and version.number < before.number
    version.published_at = timezone.now()
    _move(version, Status.PUBLISHED, actor, "rolled back to" if is_rollback else "published")
    return before


@transaction.atomic
def retire(version: AgentVersion, *, actor: Actor) -> None:
    """Take a published version, or one that is tried out, back. Without a published version the agent takes no new tasks."""
    agent = _locked(version)
    _refuse_code(version)
    if version.status not in (Status.PUBLISHED, Status.CANDIDATE):
        raise ValidationError(f"{version} is {version.status}; what is published or tried out can be retired.")
    if agent.candidate:
        _move(agent.candidate, Status.RETIRED, actor, "trial ended")
        _share(agent, None, 0, actor, "trial ended")
    if version.status == Status.PUBLISHED:
        _move(version, Status.RETIRED, actor, "retired")


@transaction.atomic
def try_out(version: AgentVersion, percent: int, *, actor: Actor) -> None:
    """Have so many of a hundred new tasks of the agent run this version; again with another number changes the share."""
    agent = _locked(version)
    _refuse_code(version)
    if not 1 <= percent <= 100:
        raise ValidationError("The share is a whole number from 1 to 100 percent.")
    if version.status == Status.PUBLISHED:
        raise ValidationError(f"{version} is published: all other tasks run it already.")
    if published(agent) is None:
        raise ValidationError(f"{agent} has no published version to be tried out against; publish one first.")
    if agent.candidate and agent.candidate != version:
        raise ValidationError(f"{agent.candidate} is being tried out; promote or stop it first.")
    if agent.candidate is None:
        _require_fit(version)
        _move(version, Status.CANDIDATE, actor, "tried out")
    _share(agent, version, percent, actor, "tried out")


@transaction.atomic
def draft_from(version: AgentVersion, *, actor: Actor) -> AgentVersion:
    """A new draft with the content of a version."""
    agent = _locked(version)
    _refuse_code(version)
    return new_draft(agent, content.of(version), actor=actor)


@transaction.atomic
def new_draft(
    agent: Agent, fields: Mapping[str, Any], *, actor: Actor, number: int | None = None, status: str = Status.DRAFT
) -> AgentVersion:
    """A new draft with this content; or an earlier version of another installation, as `number` and `status` say."""
    Agent.objects.select_for_update().get(pk=agent.pk)
    draft = AgentVersion.objects.create(agent=agent, number=number or next_number(agent), status=status, **fields)
    audit.record(actor, "created", draft)
    return draft


@transaction.atomic
def delete(version: AgentVersion, *, actor: Actor) -> None:
    """Remove a draft. What was ever offered stays, as tasks name it."""
    _locked(version)
    if version.status != Status.DRAFT:
        raise ValidationError(f"{version} is {version.status}; only drafts can be deleted.")
    audit.record(actor, "deleted", version, before=audit.snapshot(version))
    try:
        with transaction.atomic():
            version.delete()
    except ProtectedError as error:
        raise ValidationError(f"Tasks ran {version}, so it stays.") from error


def is_code(agent: Agent) -> bool:
    """Whether the agent is a function of AGENT_MODULES, which nobody changes in the console."""
    return agent.versions.filter(strategy=AgentVersion.Strategy.CODE).exists()


def code_slugs() -> set[str]:
    """The agents that are functions."""
    return set(AgentVersion.objects.filter(strategy=AgentVersion.Strategy.CODE).values_list("agent__slug", flat=True))


def is_changeable(version: AgentVersion) -> bool:
    """Whether operators may change it: a draft that no task has run, as a fork may have."""
    return version.status == Status.DRAFT and not Task.objects.filter(agent_version=version).exists()


def why_not_offered(slug: str) -> str:
    """Why an agent that exists takes no tasks, in words for clients; empty for one that does not exist."""
    agent = Agent.objects.filter(slug=slug).first()
    if agent is None:
        return ""
    if not agent.is_active:
        return "it is switched off"
    if agent.slug not in declaring.registered() and is_code(agent):
        return "its code is not part of this installation any more"
    return "no version of it is published"


def next_number(agent: Agent) -> int:
    """The number that the agent's next version gets."""
    newest = agent.versions.order_by("-number").first()
    return newest.number + 1 if newest else 1


def published(agent: Agent) -> AgentVersion | None:
    """The version that new tasks run."""
    return agent.versions.select_related("agent").filter(status=Status.PUBLISHED).first()


def candidate(agent: Agent) -> AgentVersion | None:
    """The version that is tried out."""
    return agent.versions.select_related("agent").filter(status=Status.CANDIDATE).first()


def before_published(agent: Agent) -> AgentVersion | None:
    """The version to roll back to: of the earlier ones, the one that was published last."""
    now = published(agent)
    once = agent.versions.select_related("agent").filter(status=Status.RETIRED, published_at__isnull=False)
    return once.filter(number__lt=now.number).order_by("-published_at", "-number").first() if now else None


def known_to(slug: str = "") -> content.Known:
    """What an agent of this slug may name: tools, all tools of a source such as `github__*`, and other agents."""
    sources.read(is_forced=True)
    tools = (*registry.names(), *registry.whole_sources())
    return content.Known(slug, tools, set(Agent.objects.values_list("slug", flat=True)) - {slug})


def checked(slug: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
    """An agent's content as it is kept, and all that is wrong with it, as tools and other agents stand now."""
    kept, found = content.checked(fields, known_to(slug))
    if kept and (way := way_back(slug, {**published_delegates(), slug: kept["delegates"]})):
        return {}, [FieldError("delegates", "cycle", f"{slug}: {told(way)}.")]
    return kept, found


def published_delegates() -> dict[str, list[str]]:
    """Who delegates to whom now."""
    rows = AgentVersion.objects.filter(status=Status.PUBLISHED, agent__is_active=True)
    return dict(rows.values_list("agent__slug", "delegates"))


def faults(version: AgentVersion) -> list[str]:
    """What keeps a version from being offered, as it stands now."""
    if version.strategy == AgentVersion.Strategy.CODE:
        return [OF_CODE.format(version.agent)]
    _, found = checked(version.agent.slug, content.of(version))
    return [f"{fault.field}: {fault.message}" for fault in found]


def warnings(version: AgentVersion) -> list[str]:
    """What an operator should know of a version that can be offered all the same."""
    prices.read()
    models = [version.model or settings.AGENT_MODEL, *version.fallback_models]
    unpriced = [model for model in models if not prices.price_of(model).is_known]
    found = [
        f"The model {model} has no price, so tasks that come to it are refused. Set one under Money › Prices, or by "
        "manage.py setprice; 0 means free."
        for model in unpriced
    ]
    found += [
        f"{tool}: {reason} Models are not told of it." for tool, reason in registry.not_set_up(version.tools).items()
    ]
    offered = set(
        AgentVersion.objects.filter(status=Status.PUBLISHED, agent__is_active=True).values_list("agent__slug")
    )
    if missing := [slug for slug in (*version.delegates, *version.handoffs) if (slug,) not in offered]:
        found.append(f"It calls {', '.join(missing)}, of which no version is published; it does without.")
    return found


def _refuse_code(version: AgentVersion) -> None:
    if version.strategy == AgentVersion.Strategy.CODE:
        raise ValidationError(OF_CODE.format(version.agent))


def _require_fit(version: AgentVersion) -> None:
    """Drafts have to be right, and to pass their data sets.

    What was published before may be again at once, though a tool of it is gone since, or a case has come.
    """
    found = faults(version) if version.status == Status.DRAFT else []
    if found := found or ([] if version.published_at else gate.why_closed(version)):
        raise ValidationError([f"{version} cannot be offered. {fault}" for fault in found])


def _locked(version: AgentVersion) -> Agent:
    """The version's agent, with the version as it is now.

    All agents are locked: of two publications which only together lead delegates back, the second sees the first.
    """
    list(Agent.objects.select_for_update().order_by("pk").values_list("pk"))
    agent = Agent.objects.select_related("candidate").get(pk=version.agent_id)
    version.refresh_from_db()
    version.agent = agent
    return agent


def _move(version: AgentVersion, to: str, actor: Actor, action: str) -> None:
    before = audit.snapshot(AgentVersion.objects.get(pk=version.pk))
    version.status = to
    version.save(update_fields=["status", "published_at"])
    audit.record(actor, action, version, before=before)


def _share(agent: Agent, candidate: AgentVersion | None, percent: int, actor: Actor, action: str) -> None:
    before = audit.snapshot(Agent.objects.get(pk=agent.pk))
    agent.candidate, agent.candidate_percent = candidate, percent
    agent.save(update_fields=["candidate", "candidate_percent"])
    audit.record(actor, action, agent, before=before)
