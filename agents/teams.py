"""Which agents a task may involve: the one that was asked for, and all it may call, each at one version."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from django.conf import settings

from agentplatform.database import in_database
from agents import prices, splitting
from agents.code import declaring
from agents.conversations.windows import window_of
from agents.engine.types import AgentSpec, Asks, GuardMode, Model, OnTimeout, OutputGuard, Strategy
from agents.models import AgentVersion
from agents.prices import price_of
from agents.tools import registry

KEPT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A published agent as clients see it, with the caps its version sets, and the version that is tried out beside it."""

    spec: AgentSpec
    max_output_tokens: int
    max_steps: int
    max_cost_usd: str
    timeout_seconds: int
    cache_seconds: int
    candidate: "Offer | None" = None
    candidate_percent: int = 0

    def drawn(self, unit: str) -> "Offer":
        """This version or the candidate, whichever a task of this unit runs."""
        if self.candidate and splitting.takes_candidate(self.candidate.spec.version_id, unit, self.candidate_percent):
            return self.candidate
        return self


@dataclass(frozen=True, slots=True)
class Team:
    """The agents of one task by slug; `lead` is the one that was asked for."""

    lead: Offer
    members: Mapping[str, AgentSpec]

    @property
    def version_ids(self) -> dict[str, int]:
        return {slug: spec.version_id for slug, spec in self.members.items()}


_kept: tuple[float, dict[str, Offer]] = (0.0, {})


def forget() -> None:
    """Drop what this process keeps, so that a change is seen at once."""
    global _kept
    _kept = (0.0, {})


async def offers() -> Mapping[str, Offer]:
    """Every active agent with its published version, at most two seconds old."""
    global _kept
    at, found = _kept
    if not found or time.monotonic() - at > KEPT_SECONDS:
        found = await in_database(_published)
        _kept = (time.monotonic(), found)
    return found


async def team_of(slug: str, choose: Callable[[Offer], Offer]) -> Team | None:
    """The team of a published agent, of those versions that `choose` takes; None when there is no such agent."""
    known = await offers()
    return _team(choose(known[slug]), known, choose) if slug in known else None


def team_around(version: AgentVersion) -> Team:
    """The team of any version, a draft as well, with whom it calls as published now. To be run through `in_database`."""
    known = _published()
    registry.read(_tools([version]))
    return _team(_offer(version, set(known)), known, lambda offer: offer)


def _team(lead: Offer, known: Mapping[str, Offer], choose: Callable[[Offer], Offer]) -> Team:
    members = {lead.spec.slug: lead.spec}
    waiting = [*lead.spec.delegates, *lead.spec.handoffs]
    while waiting:
        name = waiting.pop()
        if name in known and name not in members:
            members[name] = choose(known[name]).spec
            waiting.extend((*members[name].delegates, *members[name].handoffs))
    return Team(lead, members)


def specs_of(version_ids: Mapping[str, int]) -> dict[str, AgentSpec]:
    """The agents of a journal, by the versions it names. Versions do not change, so a task keeps its meaning."""
    versions = AgentVersion.objects.select_related("agent").in_bulk(list(version_ids.values()))
    prices.read()
    registry.read(_tools(versions.values()))
    known = set(version_ids)
    return {slug: _spec(versions[version_id], known) for slug, version_id in version_ids.items()}


def as_of_now(team: Mapping[str, AgentSpec]) -> dict[str, AgentSpec]:
    """The same agents, with what their models cost and their tools are at this moment."""
    priced = prices.with_prices_of_now(team)
    return {slug: _with_tools(spec) for slug, spec in priced.items()}


async def refresh(team: Mapping[str, AgentSpec]) -> None:
    """Have `as_of_now` know what operators changed up to a few seconds ago."""
    await prices.refresh()
    await registry.refresh(_tools(team.values()))


def _published() -> dict[str, Offer]:
    prices.read()
    offered = (AgentVersion.Status.PUBLISHED, AgentVersion.Status.CANDIDATE)
    found = AgentVersion.objects.select_related("agent").filter(status__in=offered, agent__is_active=True)
    rows = [row for row in found if row.strategy != "code" or row.agent.slug in declaring.registered()]
    registry.read(_tools(rows))
    published = {row.agent.slug: row for row in rows if row.status == AgentVersion.Status.PUBLISHED}
    slugs = set(published)
    candidates = {row.agent.slug: _offer(row, slugs) for row in rows if row.pk == row.agent.candidate_id}
    return {slug: _offer(row, slugs, candidates.get(slug)) for slug, row in published.items()}


def _with_tools(spec: AgentSpec) -> AgentSpec:
    return replace(spec, functions=registry.functions(spec.tools, spec.approval_tools)) if spec.tools else spec


def _tools(members: Iterable[AgentVersion | AgentSpec]) -> list[str]:
    return [name for member in members for name in member.tools]


def _offer(row: AgentVersion, slugs: set[str], candidate: Offer | None = None) -> Offer:
    return Offer(
        spec=_spec(row, slugs),
        max_output_tokens=row.max_output_tokens,
        max_steps=row.max_steps,
        max_cost_usd=str(row.max_cost_usd.normalize()),
        timeout_seconds=row.timeout_seconds,
        cache_seconds=row.cache_seconds,
        candidate=candidate,
        candidate_percent=row.agent.candidate_percent if candidate else 0,
    )


def _spec(row: AgentVersion, slugs: set[str]) -> AgentSpec:
    model = row.model or settings.AGENT_MODEL
    return AgentSpec(
        slug=row.agent.slug,
        description=row.description,
        version=row.number,
        version_id=row.pk,
        model=model,
        instructions=row.instructions,
        strategy=cast(Strategy, row.strategy),
        tools=tuple(row.tools),
        delegates=tuple(slug for slug in row.delegates if slug in slugs),
        handoffs=tuple(slug for slug in row.handoffs if slug in slugs),
        temperature=row.temperature,
        model_settings=row.model_settings,
        output_schema=row.output_schema,
        price=price_of(model),
        fallbacks=tuple(Model(name, price_of(name)) for name in row.fallback_models if name != model),
        max_tries=settings.MODEL_MAX_RETRIES + 1,
        backoff_seconds=settings.MODEL_BACKOFF_SECONDS,
        window_tokens=window_of(model, *row.fallback_models),
        functions=registry.functions(row.tools, row.approval_tools),
        approval=cast(Asks, row.approval),
        approval_tools=tuple(row.approval_tools),
        approval_timeout_seconds=row.approval_timeout_seconds or settings.APPROVAL_TIMEOUT_SECONDS,
        approval_on_timeout=cast(OnTimeout, row.approval_on_timeout),
        guard_mode=cast(GuardMode, row.guard_mode),
        second_opinion=Model(settings.GUARD_MODEL, price_of(settings.GUARD_MODEL)) if settings.GUARD_MODEL else None,
        output_guard=cast(OutputGuard, row.output_guard),
        topics=tuple(row.topics),
    )
