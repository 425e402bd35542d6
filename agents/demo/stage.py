"""The agents that play: the published ones, and two of the demo's own, whose calls people have to agree to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from agents.engine.types import AgentSpec, Function, Price
from agents.models import AgentVersion
from agents.teams import specs_of

MODEL = "gpt-5-mini"
PRICE = Price(Decimal("0.25"), Decimal(2))
"""Also where the platform's own model is free: a page of costs without costs shows nothing."""
REFUND = "demo-orders__refund"
FIND = "demo-orders__find"
PARAMETERS = {
    REFUND: {"type": "object", "properties": {"order": {"type": "string"}, "usd": {"type": "number"}}},
    FIND: {"type": "object", "properties": {"order": {"type": "string"}}},
}
REFUNDS = "demo-refunds"
LETTERS = "demo-letters"


@dataclass(frozen=True, eq=False)
class Stage:
    """The published versions by their agents' slugs."""

    versions: Mapping[str, AgentVersion]

    @classmethod
    def now(cls) -> "Stage":
        """As they are published at this moment, functions apart."""
        rows = AgentVersion.objects.select_related("agent").filter(status=AgentVersion.Status.PUBLISHED)
        return cls({row.agent.slug: row for row in rows.exclude(strategy=AgentVersion.Strategy.CODE)})

    @cache  # noqa: B019  # lives for one command
    def team(self, slug: str) -> dict[str, AgentSpec]:
        """The agent, and all that it may call."""
        found: dict[str, int] = {}
        waiting = [slug]
        while waiting:
            name = waiting.pop()
            if name in self.versions and name not in found:
                found[name] = self.versions[name].pk
                waiting += [*self.versions[name].delegates, *self.versions[name].handoffs]
        return {name: _priced(spec) for name, spec in specs_of(found).items()}


def _priced(spec: AgentSpec) -> AgentSpec:
    spec = replace(spec, model=MODEL, price=PRICE, fallbacks=(), second_opinion=None)
    return replace(spec, functions=tuple(map(_refunding, (FIND, REFUND)))) if spec.slug == REFUNDS else spec


def _refunding(name: str) -> Function:
    is_refund = name == REFUND
    told = "Pay an order back." if is_refund else "Find an order by its number."
    effect = "unsafe" if is_refund else "pure"
    return Function(name, told, PARAMETERS[name], 120, needs_approval=is_refund, effect=effect)  # type: ignore[arg-type]
