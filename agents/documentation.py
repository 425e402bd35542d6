"""What the OpenAPI document says of the agents' API beyond the types: examples, headers, and each operation's own errors."""

import functools
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from agentplatform.schema import error_codes, example
from agents import schemas

TASK_ID = "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4"
COMPLETED = {
    "task_id": TASK_ID,
    "status": "completed",
    "exit_reason": "completed",
    "agent_type": "general",
    "agent_version": 3,
    "model": "gpt-5-mini",
    "result": "Django brings an ORM, an admin, authentication and twenty years of care.",
    "error": None,
    "approvals": [],
    "cached": False,
    "usage": {"input_tokens": 120, "output_tokens": 85, "model_calls": 1, "tool_calls": 0},
    "cost_usd": "0.0002",
    "conversation_id": None,
    "metadata": {"order": "A-17"},
    "created_at": "2026-11-23T10:00:00.123Z",
    "started_at": "2026-11-23T10:00:00.125Z",
    "completed_at": "2026-11-23T10:00:01.480Z",
    "execution_time_seconds": 1.355,
}
UNSTARTED = {"started_at": None, "completed_at": None, "execution_time_seconds": None, "result": None, "model": None}
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "model_calls": 0, "tool_calls": 0}
QUEUED = {**COMPLETED, **UNSTARTED, "status": "queued", "exit_reason": None, "usage": NO_USAGE, "cost_usd": "0"}
ASKED = {
    "approval_id": "a1",
    "kind": "tool",
    "agent": "general",
    "run": "0",
    "tool": "send_mail",
    "arguments": '{"to": "ada@example.com", "text": "We agree."}',
    "text": None,
    "requested_at": "2026-11-23T10:00:01.200Z",
    "expires_at": "2026-11-24T10:00:01.200Z",
    "decision": None,
    "comment": None,
    "decided_by": None,
    "decided_at": None,
}
ANSWERED = {
    **ASKED,
    "decision": "approve",
    "comment": "Go ahead.",
    "decided_by": "client",
    "decided_at": "2026-11-23T11:30:00.000Z",
}
UNENDED = {"exit_reason": None, "result": None, "completed_at": None, "execution_time_seconds": None}
AWAITING = {**COMPLETED, **UNENDED, "status": "awaiting_approval", "approvals": [ASKED]}
CANCELLED = {**COMPLETED, "status": "cancelled", "exit_reason": "cancelled", "result": None}
EVENTS = (
    f'id: 2-0\nevent: task.started\ndata: {{"task_id":"{TASK_ID}","run":"0","step":0,"agent":"general"}}\n\n'
    f'id: 3-7\nevent: text.delta\ndata: {{"task_id":"{TASK_ID}","run":"0","step":1,"agent":"general","text":"Django "}}\n\n'
)
EVENT_STREAM = (200, "text/event-stream")


EVENT_ID = {"type": "string", "pattern": r"^\d{1,9}-\d{1,9}$"}
IDEMPOTENCY_KEY = {"type": "string", "pattern": r"^[!-~]{1,255}$"}


def _header(
    name: str, description: str, *, response: bool | list[int] = False, kind: type | dict[str, Any] = str
) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=description, response=response)


operation = functools.partial(extend_schema, tags=["agent"])

execute = operation(
    operation_id="execute",
    request=schemas.ExecuteRequest,
    responses={
        200: schemas.TaskObject,
        EVENT_STREAM: OpenApiResponse(str, "With `stream`, or `Accept: text/event-stream`: the task's events as they come."),
        202: schemas.TaskObject,
    },
    parameters=[
        schemas.StreamQuery,  # type: ignore[list-item]  # our schema reads pydantic queries
        _header(
            "Idempotency-Key",
            "1 to 255 visible ASCII characters: the same key and body give the same task for 24 hours.",
            kind=IDEMPOTENCY_KEY,
        ),
        _header("X-Cache", "`hit`, `miss` or `bypass`.", response=[200, 202]),
        _header("Idempotent-Replayed", "`true` when the Idempotency-Key named a task before.", response=[200, 202]),
        _header("Location", "Where to ask for the task.", response=[202]),
        _header("Retry-After", "Seconds to wait before asking.", response=[202], kind=int),
    ],
    extensions=error_codes(
        "prompt_injection_detected", "budget_exceeded", "conflict", "idempotency_key_reused", "model_failed", "tool_failed",
        "max_steps", "output_invalid", "attempts_exhausted", "timed_out",
    ),
    examples=[
        example("In the request", {"task": "Summarise the benefits of Django", "context": {"audience": "beginner"}}),
        example("In the background", {"task": "Research Django's history", "agent_type": "research", "async_execution": True}),
        example("Streamed", {"task": "Write a haiku about rain", "agent_type": "writer", "stream": True}),
        example(
            "With a webhook",
            {"task": "Summarise the week", "async_execution": True, "webhook_url": "https://example.com/hooks/agents"},
        ),
        example("Completed", COMPLETED, status=200, media_type="application/json"),
        example("Events", EVENTS, status=200, media_type="text/event-stream"),
        example("Queued", QUEUED, status=202),
        example("Awaiting approval", AWAITING, status=202),
    ],
)  # fmt: skip
status = operation(
    operation_id="get_status",
    parameters=[
        schemas.StatusQuery,  # type: ignore[list-item]  # our schema reads pydantic queries
        _header("Retry-After", "Seconds to wait before asking again, until it has ended.", response=[200], kind=int),
    ],
    responses=schemas.TaskObject,
    extensions=error_codes("invalid_request"),
    examples=[example("Completed", COMPLETED, status=200), example("Awaiting approval", AWAITING, status=200)],
)
events = operation(
    operation_id="get_events",
    parameters=[
        schemas.StreamQuery,  # type: ignore[list-item]  # our schema reads pydantic queries
        _header("Last-Event-ID", "The `id` of the last event that was seen; what follows it is sent.", kind=EVENT_ID),
    ],
    responses={EVENT_STREAM: OpenApiResponse(str, "The task's events, until it ends.")},
    extensions=error_codes("invalid_request"),
    examples=[example("Events", EVENTS, status=200, media_type="text/event-stream")],
)
cancel = operation(
    operation_id="cancel",
    request=None,
    responses=schemas.TaskObject,
    examples=[example("Cancelled", CANCELLED, status=200)],
)
approve = operation(
    operation_id="approve",
    request=schemas.ApproveRequest,
    responses=schemas.TaskObject,
    extensions=error_codes("invalid_request", "conflict"),
    examples=[
        example("Approve", {"approval_id": "a1", "decision": "approve", "comment": "Go ahead."}),
        example("Reject", {"approval_id": "a1", "decision": "reject", "comment": "Not to Ada."}),
        example("It goes on", {**AWAITING, "status": "queued", "approvals": [ANSWERED]}, status=200),
    ],
)
tasks = operation(
    operation_id="list_tasks",
    parameters=[schemas.ListQuery],  # type: ignore[list-item]  # our schema reads pydantic queries
    responses=schemas.TaskPage,
    extensions=error_codes("invalid_request"),
    examples=[example("A page", {"tasks": [COMPLETED], "next_cursor": None}, status=200)],
)
AGENT: dict[str, Any] = {
    "slug": "analyst",
    "description": "Works with numbers, dates and data, and calculates exactly.",
    "version": 1,
    "model": "gpt-5-mini",
    "tools": ["calculator", "current_time", "run_python"],
    "delegates": [],
    "handoffs": [],
    "limits": {"max_cost_usd": "0.5", "max_output_tokens": 2000, "max_steps": 12, "timeout_seconds": 120},
}
types = operation(
    operation_id="list_types",
    responses=schemas.AgentTypes,
    examples=[example("Agents", {"agents": [AGENT]}, status=200)],
)
