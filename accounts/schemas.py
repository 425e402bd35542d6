"""Bodies of the self-service API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from accounts.models import LIMITS, ApiKey
from accounts.models.access import MOST_CONCURRENT, MOST_DAILY_REQUESTS, MOST_REQUESTS, MOST_TOKENS
from agentplatform.validation import Body

Texts = list[Annotated[str, StringConstraints(min_length=1, max_length=64)]]


def _moment(value: Any) -> Any:
    """RFC 3339 text as a time; one without an offset is UTC."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("moment", "A time such as 2030-01-31T00:00:00Z is needed.") from None


def _limit(most: int, meaning: str) -> Any:
    return Field(None, ge=1, le=most, description=meaning)


class KeyRequest(Body):
    """A new key. What is left out is as with the key that makes it; nothing may go beyond that."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    scopes: Annotated[Texts, Field(max_length=10)] = Field(default=[])
    allowed_agent_types: Annotated[Texts, Field(max_length=100)] = Field(default=[])
    allowed_networks: Annotated[Texts, Field(max_length=100)] = Field(default=[])
    expires_at: Annotated[datetime | None, BeforeValidator(_moment)] = None
    requests: int | None = _limit(MOST_REQUESTS, "Requests in the tier's window.")
    tokens_per_minute: int | None = _limit(MOST_TOKENS, "Tokens in any 60 s.")
    concurrency: int | None = _limit(MOST_CONCURRENT, "Tasks at once.")
    daily_requests: int | None = _limit(MOST_DAILY_REQUESTS, "Requests of a day (UTC).")


class RotateRequest(Body):
    """How long the old key works beside the new one; the platform's own overlap when left out."""

    overlap_hours: Annotated[int, Field(ge=0, le=720)] | None = None


class KeyObject(BaseModel):
    """A key as its client sees it. Empty lists mean all; of scopes, all but `keys`."""

    id: UUID
    name: str
    prefix: str
    state: str
    scopes: list[str]
    allowed_agent_types: list[str]
    allowed_networks: list[str]
    limits: dict[str, int | None]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    rotated_at: datetime | None
    successor_id: UUID | None

    @classmethod
    def of(cls, key: ApiKey, **more: Any) -> Any:
        """The key's row, without its secret."""
        columns = {name: getattr(key, name) for name in cls.model_fields if hasattr(key, name)}
        limits = {column: getattr(key, column) for column in LIMITS}
        return cls(**{**columns, "limits": limits, "successor_id": key.successor_id, **more})


class NewKeyObject(KeyObject):
    """A key just made, with its secret, which is shown this once."""

    secret: str


class RotatedKeyObject(NewKeyObject):
    """A key's successor, and until when the old key works beside it."""

    predecessor_id: UUID
    predecessor_expires_at: datetime


class KeyList(BaseModel):
    """All keys of the client."""

    keys: Sequence[KeyObject]


class LimitObject(BaseModel):
    """Where the client stands with one limit. `window_seconds` is null for tasks at once."""

    name: str
    limit: int
    remaining: int
    window_seconds: int | None
    reset_seconds: float


class AccountObject(BaseModel):
    """Who calls: the client, its tier, the key that was used, and what is left."""

    client_id: UUID
    client: str
    tier: str
    key: KeyObject
    limits: list[LimitObject]


class WebhookSecretObject(BaseModel):
    """A secret that signs webhooks, in the form of Standard Webhooks; the one before signs too until its end."""

    secret: str
    previous_expires_at: datetime | None
