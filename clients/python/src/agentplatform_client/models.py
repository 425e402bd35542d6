"""What the server answers, as values that do not change.

A field that this version does not know is kept (`task.model_extra`), so a newer server does no harm. `model_dump(mode="json")`
gives the JSON back. Money is a Decimal in US dollars; times are in UTC.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

FINAL = frozenset({"completed", "failed", "cancelled"})


class Model(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), populate_by_name=True)


class FieldError(Model):
    """What is wrong with one field: its dotted path, a code for programs, a sentence for people."""

    field: str = ""
    code: str = ""
    message: str = ""


class Limit(Model):
    """Where you stand with one limit. `window_seconds` is None for tasks at once."""

    name: str
    limit: int
    remaining: int = 0
    window_seconds: float | None = None
    reset_seconds: float = 0


class TaskUsage(Model):
    """What a task used."""

    input_tokens: int = 0
    output_tokens: int = 0
    model_calls: int = 0
    tool_calls: int = 0


class TaskError(Model):
    """Why a task failed."""

    code: str = ""
    message: str = ""


class Approval(Model):
    """A question to a person, and the answer. Of a tool's call there are `tool` and `arguments`, else the `text` in question.

    `decision` is None as long as nobody has decided; then `approve`, `reject`, `expire` (nobody in time) or `moot`.
    """

    approval_id: str
    kind: str = ""
    agent: str = ""
    run: str = "0"
    tool: str | None = None
    arguments: str | None = None
    text: str | None = None
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    decision: str | None = None
    comment: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it waits for an answer."""
        return self.decision is None


class Step(Model):
    """One line of a task's journal."""

    seq: int
    type: str
    at: datetime
    run: str = "0"
    agent: str = ""
    data: dict[str, Any] = Field(default_factory=dict)


class Task(Model):
    """A task as it stands.

    `status` is `queued`, `running`, `awaiting_approval`, `completed`, `failed` or `cancelled`; the last three never change.
    `result` is text, or JSON that satisfies the `output_schema`.
    """

    task_id: str
    status: str
    exit_reason: str | None = None
    agent_type: str = ""
    agent_version: int | None = None
    model: str | None = None
    result: Any = None
    error: TaskError | None = None
    approvals: tuple[Approval, ...] = ()
    cached: bool = False
    usage: TaskUsage = TaskUsage()
    cost_usd: Decimal = Decimal(0)
    conversation_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    execution_time_seconds: float | None = None
    steps: tuple[Step, ...] | None = None

    @property
    def is_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in FINAL

    @property
    def is_completed(self) -> bool:
        """Whether it ended with a result."""
        return self.status == "completed"


class TaskPage(Model):
    """Some tasks, newest first; `next_cursor` asks for the next page."""

    tasks: tuple[Task, ...]
    next_cursor: str | None = None


class AgentType(Model):
    """An agent that your key may call."""

    slug: str
    description: str = ""
    version: int | None = None
    model: str = ""
    tools: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    handoffs: tuple[str, ...] = ()
    limits: dict[str, Any] = Field(default_factory=dict)


class AgentTypes(Model):
    """The agents that your key may call."""

    agents: tuple[AgentType, ...]


class CostRange(Model):
    """US dollars that a task costs at least, if it is completed, and at most, whatever happens."""

    min: Decimal
    max: Decimal


class Guard(Model):
    """What the guard says of the texts: `pass`, `flag` or `block`."""

    verdict: str
    rule: str | None = None
    score: float | None = None


class EstimatedAgent(Model):
    """An agent that may take part."""

    slug: str
    version: int | None = None
    model: str = ""


class Budget(Model):
    """Where one budget stands; a soft one (`is_hard` is False) refuses nothing."""

    holder: str
    period: str
    is_hard: bool
    limit_usd: Decimal
    remaining_usd: Decimal


class Refusal(Model):
    """How the task would be refused now."""

    status: int
    code: str
    detail: str


class Estimate(Model):
    """What would become of a task. Nothing was spent; the next moment may differ."""

    cost_usd: CostRange
    cached: bool = False
    guard: Guard | None = None
    agents: tuple[EstimatedAgent, ...] = ()
    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    refusal: Refusal | None = None


class Tokens(Model):
    """Tokens of model calls."""

    input: int = 0
    output: int = 0


class Used(Model):
    """What some ended tasks used; `cached` ones are among the completed."""

    requests: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    cached: int = 0
    tokens: Tokens = Tokens()
    cost_usd: Decimal = Decimal(0)


class UsedOnDay(Used):
    """What ended on one day (UTC)."""

    date: date


class UsedByAgentType(Used):
    """What one agent was used for."""

    agent_type: str


class UsedByKey(Used):
    """What one key was used for."""

    key_id: str
    name: str = ""
    prefix: str = ""


class Usage(Used):
    """What your client used over all its keys, and what is left of its limits."""

    from_: date | None = Field(None, alias="from")
    to: date | None = None
    limits: tuple[Limit, ...] = ()
    by_day: tuple[UsedOnDay, ...] = ()
    by_agent_type: tuple[UsedByAgentType, ...] = ()
    by_key: tuple[UsedByKey, ...] = ()


class Feedback(Model):
    """What was said about a task."""

    task_id: str
    rating: int
    comment: str | None = None
    tags: tuple[str, ...] = ()
    correction: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Key(Model):
    """An API key, without its secret. Empty lists mean all; of scopes, all but `keys`."""

    id: str
    name: str = ""
    prefix: str = ""
    state: str = ""
    scopes: tuple[str, ...] = ()
    allowed_agent_types: tuple[str, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    limits: dict[str, int | None] = Field(default_factory=dict)
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    created_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_at: datetime | None = None
    successor_id: str | None = None


class NewKey(Key):
    """A key just made. `secret.get_secret_value()` is shown this once."""

    secret: SecretStr


class RotatedKey(NewKey):
    """A key's successor, and until when the old key works beside it."""

    predecessor_id: str
    predecessor_expires_at: datetime | None = None


class KeyList(Model):
    """All keys of your client."""

    keys: tuple[Key, ...]


class WebhookSecret(Model):
    """What webhooks are signed with. `secret.get_secret_value()` is shown this once; the one before signs too until its end."""

    secret: SecretStr
    previous_expires_at: datetime | None = None


class Account(Model):
    """Who calls: client, tier and key, and what is left."""

    client_id: str
    client: str
    tier: str
    key: Key | None = None
    limits: tuple[Limit, ...] = ()


class Conversation(Model):
    """A conversation. Two turns are one task and its answer."""

    conversation_id: str
    agent_type: str = ""
    turn_count: int = 0
    created_at: datetime | None = None
    last_used_at: datetime | None = None


class ConversationPage(Model):
    """Some conversations, the last used first; `next_cursor` asks for the next page."""

    conversations: tuple[Conversation, ...]
    next_cursor: str | None = None


class Turn(Model):
    """What one side said: `user` or `assistant`."""

    number: int
    role: str
    content: str
    context: dict[str, Any] = Field(default_factory=dict)
    task_id: str = ""
    created_at: datetime | None = None


class ConversationDetail(Conversation):
    """A conversation with some of its turns, newest first. Models read `summary` in the place of the first `summarised` ones."""

    summary: str | None = None
    summarised: int = 0
    turns: tuple[Turn, ...] = ()
    next_cursor: int | str | None = None


class Health(Model):
    """How the platform is: `healthy`, `degraded` or `unhealthy`, and each of its parts."""

    status: str
    version: str = ""
    timestamp: datetime | None = None
    checks: dict[str, str] = Field(default_factory=dict)
