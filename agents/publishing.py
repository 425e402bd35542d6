"""Agents' versions: drafts change, published ones do not, one is published at a time."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from agents.engine.types import MAX_FUNCTIONS
from agents.models import Agent, AgentVersion
from agents.tools import registry, sources

Status = AgentVersion.Status
CONTENT = (
    "description", "instructions", "strategy", "model", "fallback_models", "temperature", "tools", "delegates",
    "max_output_tokens", "max_steps", "max_cost_usd", "timeout_seconds", "cache_seconds",
)  # fmt: skip
MAX_FALLBACKS = 5
MAX_SHOWN = 50
MODEL_NAME_CHARACTERS = 200


def publish(version: AgentVersion) -> None:
    """Make this the version that new tasks run; the one before is retired."""
    with transaction.atomic():
        Agent.objects.select_for_update().get(pk=version.agent_id)
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


def checked_delegates(slugs: Iterable[object], own_slug: str) -> list[str]:
    """The slugs as they are. Raises ValidationError for an agent that does not exist, or is the agent itself."""
    others = set(Agent.objects.exclude(slug=own_slug).values_list("slug", flat=True))
    return _known(slugs, others, "agent")


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
