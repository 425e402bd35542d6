"""Bodies and query strings of the agents' API, as the HTTP contract names them."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from django.conf import settings
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from agentplatform.validation import Body, Query
from agents.engine.json_schema import schema_fault

# What an address may be at all; whether it may be called is seen when it is.
WEBHOOK_URL = r"^https?://[^\s/?#@]+([/?][^\s#]*)?$"
CURSOR = "^[0-9a-f]{14}-[0-9a-f]{32}$"
MAX_CONTEXT_BYTES = 32 * 1024
MAX_METADATA_BYTES = 8 * 1024
MAX_DEPTH = 64
Status = Literal["queued", "running", "awaiting_approval", "completed", "failed", "cancelled"]
ExitReason = Literal[
    "completed", "cancelled", "timed_out", "max_steps", "budget_exceeded", "guardrail_blocked", "tool_failed",
    "model_failed", "output_invalid", "attempts_exhausted",
]  # fmt: skip
# What _clean_text refuses, for the schema.
CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
TASK_PATTERN = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


def _clean_text(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r" for character in value):
        raise PydanticCustomError("control_characters", "No control characters but tab and line breaks.")
    text = value.strip()
    if not text:
        raise PydanticCustomError("blank", "This field may not be blank.", {"code": "blank"})
    if len(text) > settings.MAX_TASK_CHARACTERS:
        limit = settings.MAX_TASK_CHARACTERS
        raise PydanticCustomError("long", "At most {limit} characters.", {"limit": limit, "code": "max_length"})
    return text


def _shallow(value: object) -> object:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise PydanticCustomError("deep", "At most {limit} levels deep.", {"limit": MAX_DEPTH, "code": "max_depth"})
        level = [
            item
            for parent in level
            if isinstance(parent, dict | list)
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return value


def _storable(value: dict[str, Any], limit_bytes: int) -> dict[str, Any]:
    encoded = orjson.dumps(value)
    if len(encoded) > limit_bytes:
        raise PydanticCustomError(
            "large", "At most {limit} bytes as JSON.", {"limit": limit_bytes, "code": "max_length"}
        )
    if b"\\u0000" in encoded:
        raise PydanticCustomError("nul", "No NUL characters.")
    return value


def _context(value: dict[str, Any]) -> dict[str, Any]:
    return _storable(value, MAX_CONTEXT_BYTES)


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    return _storable(value, MAX_METADATA_BYTES)


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    if fault := schema_fault(_context(value)):
        raise PydanticCustomError("schema", "This is no JSON Schema: {fault}.", {"fault": fault[:300]})
    return value


def _money(value: object) -> Decimal:
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except ArithmeticError:
        amount = None
    if amount is None or not amount.is_finite():
        raise PydanticCustomError("money", 'A decimal string such as "0.50" is needed.')
    if not 0 < amount <= 1000:
        raise PydanticCustomError(
            "money_range", "More than 0 and at most 1000.", {"code": "min_value" if amount <= 0 else "max_value"}
        )
    return amount


def _utc(value: datetime) -> datetime:
    """PostgreSQL does not know every offset that a time may have; one without any is UTC."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return value.replace(tzinfo=UTC)  # at the ends of time, where some hours do not matter


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise PydanticCustomError("uuid", "This is no UUID.") from None


JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_shallow)]
UuidText = Annotated[str, Field(json_schema_extra={"format": "uuid"}), AfterValidator(_uuid)]
USD_SCHEMA = {"anyOf": [{"type": "string", "pattern": r"^\d{1,4}(\.\d{1,9})?$"}, {"type": "number"}]}
Usd = Annotated[Decimal, BeforeValidator(_money), PlainSerializer(str, return_type=str), WithJsonSchema(USD_SCHEMA)]


class Limits(Body):
    """Caps of this task; they can only lower what the agent allows."""

    max_cost_usd: Usd | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None


class ExecuteRequest(Body):
    """A task for an agent. Only `task` is required."""

    task: Annotated[
        str,
        Field(min_length=1, json_schema_extra={"maxLength": settings.MAX_TASK_CHARACTERS, "pattern": TASK_PATTERN}),
        AfterValidator(_clean_text),
    ]
    agent_type: Slug = "general"
    context: Annotated[JsonObject, AfterValidator(_context)] = Field(default_factory=dict)
    async_execution: bool = False
    stream: bool = False
    conversation_id: Annotated[
        UuidText | None, Field(description="Tasks that name the same one know what was said in the earlier ones.")
    ] = None
    output_schema: Annotated[JsonObject, AfterValidator(_schema)] | None = None
    limits: Limits = Field(default_factory=Limits)
    cache: Literal["use", "refresh", "bypass"] = "use"
    webhook_url: Annotated[str, StringConstraints(max_length=2000, pattern=WEBHOOK_URL)] | None = Field(
        None, description="Is told of the task's end, signed with the client's webhook secret."
    )
    on_disconnect: Literal["continue", "cancel"] = "continue"
    metadata: Annotated[JsonObject, AfterValidator(_metadata)] = Field(default_factory=dict)


class ApproveRequest(Body):
    """An answer to a pending approval."""

    approval_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    decision: Literal["approve", "reject"]
    comment: (
        Annotated[
            str,
            Field(max_length=2000, json_schema_extra={"pattern": TASK_PATTERN}),
            AfterValidator(_clean_text),
        ]
        | None
    ) = None


class ApprovalObject(BaseModel):
    """What a person is asked, and what was answered.

    Of a tool's call there are the `arguments`, as the model wrote them; of a start the agent's task, and of a result its text,
    under `text`. `decision` is null until somebody decides; `expire` is nobody in time, and `moot` that the task ended before.
    """

    approval_id: str
    kind: Literal["tool", "start", "result"]
    agent: str
    run: str
    tool: str | None
    arguments: str | None
    text: str | None
    requested_at: str
    expires_at: str
    decision: Literal["approve", "reject", "expire", "moot"] | None
    comment: str | None
    decided_by: Literal["client", "operator", "timeout"] | None
    decided_at: str | None


class TaskUsage(BaseModel):
    """What a task used."""

    input_tokens: int
    output_tokens: int
    model_calls: int
    tool_calls: int


class TaskError(BaseModel):
    """Why a task failed, or was cancelled by a later one of its conversation."""

    code: str
    message: str


class Step(BaseModel):
    """One line of the task's journal.

    `run` and `agent`, where it has them, say whose line it is: the root's run is 0, its delegates' are 0.1, 0.2, and so on.
    """

    seq: int
    type: str
    at: datetime
    run: str | None = Field(None, exclude_if=lambda value: value is None)
    agent: str | None = Field(None, exclude_if=lambda value: value is None)
    data: JsonObject


class TaskObject(BaseModel):
    """A task as every answer shows it."""

    task_id: UUID
    status: Status
    exit_reason: ExitReason | None
    agent_type: str
    agent_version: int
    model: str | None
    result: JsonValue
    error: TaskError | None
    approvals: list[ApprovalObject]
    cached: bool
    usage: TaskUsage
    cost_usd: str
    conversation_id: UUID | None
    metadata: JsonObject
    created_at: str
    started_at: str | None
    completed_at: str | None
    execution_time_seconds: float | None
    steps: list[Step] | None = Field(None, exclude_if=lambda value: value is None)


class TaskPage(BaseModel):
    """One page of tasks, newest first; `next_cursor` asks for the next."""

    tasks: list[TaskObject]
    next_cursor: str | None


class AgentType(BaseModel):
    """An agent this key may call."""

    slug: str
    description: str
    version: int
    model: str
    tools: list[str]
    delegates: list[str]
    handoffs: list[str]
    limits: JsonObject


class AgentTypes(BaseModel):
    """The agents this key may call."""

    agents: list[AgentType]


class StatusQuery(Query):
    """How to look at a task."""

    wait: Annotated[float, Field(ge=0, le=60)] = 0
    include: Literal["steps"] | None = None


class StreamQuery(Query):
    """What a stream tells beside what happens: with `delegates` the text of delegates, as it comes."""

    include: Literal["delegates"] | None = None


class ListQuery(Query):
    """Which tasks to list."""

    cursor: Annotated[str, StringConstraints(pattern=CURSOR)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    status: Status | None = None
    agent_type: Slug | None = None
    conversation_id: UUID | None = None
    created_after: Annotated[datetime, AfterValidator(_utc)] | None = None
    created_before: Annotated[datetime, AfterValidator(_utc)] | None = None
