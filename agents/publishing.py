"""Agents' versions: drafts change, published ones do not, one is published at a time."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from agents.cycles import told, way_back
from agents.engine.types import MAX_FUNCTIONS
from agents.models import Agent, AgentVersion
from agents.tools import registry, sources

Status = AgentVersion.Status
CONTENT = (
    "description", "instructions", "strategy", "model", "fallback_models", "temperature", "tools", "delegates", "handoffs",
    "max_output_tokens", "max_steps", "max_cost_usd", "timeout_seconds", "cache_seconds",
)  # fmt: skip
MAX_FALLBACKS = 5
MAX_OTHER_AGENTS = 20
MAX_SHOWN = 50
MODEL_NAME_CHARACTERS = 200


def publish(version: AgentVersion) -> None:
    """Make this the version that new tasks run; the one before is retired.

    Raises ValidationError when its delegates would lead back to it, as others may have been published since it was written.
    """
    with transaction.atomic():
        # All of them, so that of two publications which only together make a cycle, the second sees the first.
        list(Agent.objects.select_for_update().order_by("pk"))
        _check_way_back(version.agent.slug, version.delegates)
        AgentVersion.objects.filter(agent=version.agent, status=Status.PUBLISHED).exclude(pk=version.pk).update(
            status=Status.RETIRED
        )
        version.status = Status.PUBLISHED
        version.save(update_fields=["status"])


def draft_from(version: AgentVersion) -> AgentVersion:
    """A new draft with the content of a version."""
    with transaction.atomic():
        Agent.objects.select_for_update().get(pk=version.agent_id)
        content = {name: getattr(version, name) for name in CONTENT}
        return AgentVersion.objects.create(agent=version.agent, number=next_number(version.agent), **content)


def next_number(agent: Agent) -> int:
    """The number that the agent's next version gets."""
    newest = agent.versions.order_by("-number").first()
    return newest.number + 1 if newest else 1


def checked_tools(names: object) -> list[str]:
    """The allow list as it is. Raises ValidationError for a tool that does not exist, and for more than a call can offer.

    An entry may be all tools of one source, such as `github__*`.
    """
    sources.read(is_forced=True)
    checked = _known(names, {*registry.names(), *registry.whole_sources()}, "tool")
    if (count := len(registry.allowed(checked))) > MAX_FUNCTIONS:
        raise ValidationError(f"These are {count} tools; a model takes at most {MAX_FUNCTIONS}.")
    return checked


def checked_delegates(slugs: object, own_slug: str) -> list[str]:
    """The slugs as they are.

    Raises ValidationError for an agent that does not exist, is the agent itself, or whose delegates lead back to it.
    """
    delegates = _other_agents(slugs, own_slug)
    _check_way_back(own_slug, delegates)
    return delegates


def checked_handoffs(slugs: object, own_slug: str) -> list[str]:
    """The slugs as they are. Raises ValidationError for an agent that does not exist, or is the agent itself.

    They may lead in a circle: a conversation is handed over only so often.
    """
    return _other_agents(slugs, own_slug)


def _other_agents(slugs: object, own_slug: str) -> list[str]:
    checked = _known(slugs, Agent.objects.exclude(slug=own_slug).values_list("slug", flat=True), "agent")
    if len(set(checked)) < len(checked):
        raise ValidationError("Name each agent once.")
    if len(checked) > MAX_OTHER_AGENTS:
        raise ValidationError(f"Name at most {MAX_OTHER_AGENTS} agents.")
    return checked


def _check_way_back(slug: str, delegates: list[str]) -> None:
    published = AgentVersion.objects.filter(status=Status.PUBLISHED).exclude(agent__slug=slug)
    known = dict(published.values_list("agent__slug", "delegates"))
    if way := way_back(slug, {**known, slug: delegates}):
        raise ValidationError(f"{slug}: {told(way)}.")


def checked_models(names: object) -> list[str]:
    """The names of fallback models as they are. Raises ValidationError for what can be no list of them."""
    if not isinstance(names, list) or not all(map(_is_model_name, names)):
        raise ValidationError('A list of models\' names is needed, such as ["gpt-5-nano"].')
    if len(set(names)) < len(names):
        raise ValidationError("Name each model once.")
    if len(names) > MAX_FALLBACKS:
        raise ValidationError(f"Name at most {MAX_FALLBACKS} models.")
    return names


def _is_model_name(name: object) -> bool:
    return (
        isinstance(name, str) and name.isprintable() and name == name.strip() and 0 < len(name) <= MODEL_NAME_CHARACTERS
    )


def _known(given: object, known: Iterable[str], kind: str) -> list[str]:
    there_are = sorted(known)
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ValidationError(f'A list of names is needed, such as ["{next(iter(there_are), "name")}"].')
    if unknown := [name for name in given if name not in there_are]:
        shown = ", ".join(there_are[:MAX_SHOWN]) + (", …" if len(there_are) > MAX_SHOWN else "")
        raise ValidationError(f"There is no {kind} {', '.join(map(repr, unknown))}; there are: {shown}.")
    return given
