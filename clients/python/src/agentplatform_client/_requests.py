"""What a call sends, as a value: which path, and whether it may be sent twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict
from urllib.parse import quote
from uuid import UUID, uuid4

from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentplatform_client._settings import HEADER_VALUE

READ_SECONDS = 30.0
POLL_SECONDS = 30.0
# The server answers a repeated request after 60 s at the latest, and so do most proxies cut off.
EXECUTE_SECONDS = 75.0
# A stream says something every 15 s.
SILENCE_SECONDS = 45.0


@dataclass(frozen=True)
class Request:
    """One call. `is_repeatable`: done twice, it is as done once, so it may be sent again when nobody knows if it arrived."""

    method: str
    path: str
    is_repeatable: bool
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read_seconds: float = READ_SECONDS
    accepted: tuple[int, ...] = ()
    """Statuses that are good answers beside 2xx."""


class Limits(TypedDict, total=False):
    """Caps of one task; they can only lower what the agent allows."""

    max_cost_usd: str | Decimal
    max_output_tokens: int
    max_steps: int
    timeout_seconds: int


class TaskOptions(TypedDict, total=False):
    """What a task may say beside its text. All are optional.

    `agent_type`       which agent; `general` when left out, `auto` lets the platform choose
    `context`          material for the agent: any JSON object
    `conversation_id`  the conversation it belongs to, a UUID of your choice
    `output_schema`    a JSON Schema; the result is then JSON that satisfies it
    `limits`           caps on cost, tokens, steps and seconds
    `cache`            `use`, `refresh` (run, then store) or `bypass`
    `webhook_url`      who is told when the task has ended
    `on_disconnect`    `continue`, or `cancel` when the connection is lost
    `metadata`         comes back unread
    `idempotency_key`  the same key and task again is the same task, for 24 h; one is made where you give none
    """

    agent_type: NotRequired[str]
    context: NotRequired[Mapping[str, Any] | None]
    conversation_id: NotRequired[str | UUID | None]
    output_schema: NotRequired[Mapping[str, Any] | None]
    limits: NotRequired[Limits | None]
    cache: NotRequired[Literal["use", "refresh", "bypass"]]
    webhook_url: NotRequired[str | None]
    on_disconnect: NotRequired[Literal["continue", "cancel"]]
    metadata: NotRequired[Mapping[str, Any] | None]
    idempotency_key: NotRequired[str | None]


DELEGATES: Mapping[str, Any] = {"include": "delegates"}


def order(
    task: str, options: TaskOptions, *, path: str = "execute", params: Mapping[str, Any] | None = None, **mode: bool
) -> Request:
    """A request for a task. It always has an Idempotency-Key, so that it may be sent again without running twice.

    Raises TypeError for an option that does not exist or a value that is no JSON, ValueError for a bad key.
    """
    unknown = sorted(set(options) - set(TaskOptions.__annotations__))
    if unknown:
        raise TypeError(f"There is no option {unknown[0]!r}; a task takes {', '.join(TaskOptions.__annotations__)}.")
    fields: dict[str, Any] = {"task": task, **options, **mode}
    key = fields.pop("idempotency_key", None) or str(uuid4())
    if not HEADER_VALUE.fullmatch(key) or len(key) > 255:
        raise ValueError("An idempotency_key has 1 to 255 visible ASCII characters.")
    return Request(
        "POST",
        f"/agent/{path}",
        is_repeatable=True,
        params=params or {},
        body=json_value({name: value for name, value in fields.items() if value is not None}),
        headers={"Idempotency-Key": key, **({"Accept": "text/event-stream"} if mode.get("stream") else {})},
        read_seconds=SILENCE_SECONDS if mode.get("stream") else EXECUTE_SECONDS,
    )


def json_value(value: Any) -> Any:
    """The value as JSON has it; decimals and UUIDs become text. Raises TypeError for what cannot be JSON."""
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise TypeError(f"This cannot be sent as JSON: {error}") from None


def query(**parameters: Any) -> dict[str, Any]:
    """The parameters that say something, as the query string takes them."""
    return {name.rstrip("_"): _plain(value) for name, value in parameters.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value if isinstance(value, int | float) else str(value)


def following(task_id: str, last_event_id: str | None, params: Mapping[str, Any]) -> Request:
    """A request for a task's events after the last one that came."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_event_id} if last_event_id else {})}
    path = task_path("events", task_id)
    return Request("GET", path, True, params=params, headers=headers, read_seconds=SILENCE_SECONDS)


def task_path(action: str, task_id: str | UUID) -> str:
    """The path of what is done about a task."""
    return f"/agent/{action}/{segment(task_id)}"


def segment(name: object) -> str:
    """A name as one segment of a path. Raises ValueError for an empty one."""
    if not str(name).strip():
        raise ValueError("An id is not empty.")
    return quote(str(name).strip(), safe="")
