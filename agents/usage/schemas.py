"""The query and the answer of GET /agent/usage."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from accounts.schemas import LimitObject
from agentplatform.validation import Query
from agents.presenting import money
from agents.usage.reading import Figures, KeyName

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
NO_DAY = "A date such as 2026-11-01, or a time such as 2026-11-01T09:30:00Z, is needed."


def _day(value: Any) -> date:
    """The day (UTC) of a date or of an RFC 3339 time; a time without an offset is UTC."""
    try:
        if DATE.fullmatch(value):
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(NO_DAY) from None


DAY_SCHEMA = {"type": "string", "format": "date", "description": "A date, or an RFC 3339 time: the day it is in (UTC)."}
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(DAY_SCHEMA)]


class UsageQuery(Query):
    """Which days, both included; the last 30 when none are said."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    format: Literal["json", "csv"] | None = None


class Tokens(BaseModel):
    """Tokens of model calls."""

    input: int
    output: int


class UsedObject(BaseModel):
    """What some ended tasks used. `requests` is the sum of the three that follow; `cached` ones are among the completed."""

    requests: int
    completed: int
    failed: int
    cancelled: int
    cached: int
    tokens: Tokens
    cost_usd: str

    @classmethod
    def of(cls, figures: Figures, **more: Any) -> Self:
        """The figures as the API shows them."""
        return cls(
            requests=figures.requests,
            completed=figures.completed,
            failed=figures.failed,
            cancelled=figures.cancelled,
            cached=figures.cached,
            tokens=Tokens(input=figures.input_tokens, output=figures.output_tokens),
            cost_usd=money(figures.cost_usd),
            **more,
        )


class UsageOfDay(UsedObject):
    """What ended on one day (UTC)."""

    date: date


class UsageOfAgentType(UsedObject):
    """What one agent was used for."""

    agent_type: str


class UsageOfKey(UsedObject):
    """What one key was used for. A key that is no longer known has no name."""

    key_id: UUID
    name: str
    prefix: str

    @classmethod
    def of_key(cls, key: KeyName, figures: Figures) -> Self:
        """The key with its figures."""
        return cls.of(figures, key_id=key.id, name=key.name, prefix=key.prefix)


class Usage(UsedObject):
    """What the client used over all its keys, and what is left of its limits now."""

    from_: date = Field(serialization_alias="from")
    to: date
    limits: list[LimitObject]
    by_day: list[UsageOfDay]
    by_agent_type: list[UsageOfAgentType]
    by_key: list[UsageOfKey]
