"""The answer of POST /agent/estimate."""

from dataclasses import asdict
from typing import Literal, Self

from pydantic import BaseModel, Field

from accounts.money.models import Balance
from accounts.schemas import LimitObject
from agentplatform.errors import PlatformError
from agents.engine.types import AgentSpec
from agents.estimates.service import Estimate
from agents.guards.injection import Verdict
from agents.presenting import money


class CostRange(BaseModel):
    """US dollars that the task can cost at least, if it is completed, and at most, whatever happens."""

    min: str
    max: str


class GuardObject(BaseModel):
    """What the guard says of the texts; `rule` and `score` when a rule matched. `block`: execute would refuse them."""

    verdict: Literal["pass", "flag", "block"]
    rule: str | None = Field(None, exclude_if=lambda value: value is None)
    score: float | None = Field(None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The guard's verdict."""
        if not verdict.rule:
            return cls(verdict=verdict.verdict)
        return cls(verdict=verdict.verdict, rule=verdict.rule, score=verdict.score)


class AgentObject(BaseModel):
    """An agent that may take part; the first is the one that was asked for."""

    slug: str
    version: int
    model: str

    @classmethod
    def of(cls, spec: AgentSpec) -> Self:
        """The agent's version."""
        return cls(slug=spec.slug, version=spec.version, model=spec.model)


class BudgetObject(BaseModel):
    """Where one budget of the client or the key stands; a soft one refuses nothing."""

    holder: Literal["client", "key"]
    period: Literal["day", "month", "lifetime"]
    is_hard: bool
    limit_usd: str
    remaining_usd: str

    @classmethod
    def of(cls, balance: Balance) -> Self:
        """The budget with what is left of it; below 0 when more was spent than a soft budget says."""
        budget = balance.budget
        return cls(
            holder="client" if budget.api_key_id is None else "key",
            period=budget.period,
            is_hard=budget.is_hard,
            limit_usd=money(budget.limit_usd),
            remaining_usd=money(balance.left_usd),
        )


class RefusalObject(BaseModel):
    """How execute would refuse the task now."""

    status: int
    code: str
    detail: str

    @classmethod
    def of(cls, error: PlatformError) -> Self:
        """The error as execute would answer it."""
        return cls(status=error.status, code=error.code, detail=error.detail)


class EstimateObject(BaseModel):
    """What would become of the task. Nothing was spent or written; the next moment may differ."""

    cost_usd: CostRange
    cached: bool
    guard: GuardObject
    agents: list[AgentObject]
    limits: list[LimitObject]
    budgets: list[BudgetObject]
    refusal: RefusalObject | None

    @classmethod
    def of(cls, found: Estimate) -> Self:
        """The estimate as clients see it."""
        return cls(
            cost_usd=CostRange(min=money(found.cost.least_usd), max=money(found.cost.most_usd)),
            cached=found.is_cached,
            guard=GuardObject.of(found.guard),
            agents=[AgentObject.of(spec) for spec in found.agents],
            limits=[LimitObject(**asdict(standing)) for standing in found.limits],
            budgets=[BudgetObject.of(balance) for balance in found.budgets],
            refusal=RefusalObject.of(found.refusal) if found.refusal else None,
        )
