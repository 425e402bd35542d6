"""Every error the API answers with: what it means and what to do. The errors page and the schema's examples are made of it.

The examples are real: each is the exception itself, rendered as the API renders it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from rest_framework import exceptions as drf
from typing_extensions import TypedDict

from agentplatform import errors
from agentplatform.errors import FieldError, PlatformError

REQUEST_ID = "0198f0c2-7d4e-7cc1-a3a1-5b1d9f0e2c11"


class FieldFault(TypedDict):
    """What is wrong with one field: its dotted path, a code for programs, a sentence for people."""

    field: str
    code: str
    message: str


class LimitState(TypedDict):
    """The limit that refused the call, as it stands."""

    name: str
    limit: int
    remaining: int
    window_seconds: float | None
    reset_seconds: float


class Problem(TypedDict):
    """What went wrong (RFC 9457). Programs go by `code`; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: NotRequired[list[FieldFault]]
    limit: NotRequired[LimitState]
    rule: NotRequired[str]
    required: NotRequired[str]
    allowed: NotRequired[list[str]]
    score: NotRequired[float]
    task: NotRequired[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: an example of the error, what it means, and what the caller does about it."""

    error: PlatformError
    meaning: str
    remedy: str

    @property
    def code(self) -> str:
        return self.error.code

    @property
    def status(self) -> int:
        return self.error.status

    @property
    def title(self) -> str:
        return self.error.title

    @property
    def body(self) -> dict[str, Any]:
        """The example's problem+json body."""
        return errors.problem(self.error, REQUEST_ID)


TaskCode = Literal[
    "timed_out", "model_failed", "tool_failed", "max_steps", "output_invalid", "attempts_exhausted"
]  # fmt: skip


def _failed_task(code: TaskCode, detail: str) -> errors.TaskFailed:
    task = {
        "task_id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4",
        "status": "failed",
        "exit_reason": code,
        "agent_type": "general",
        "agent_version": 3,
        "model": "gpt-5-mini",
        "result": None,
        "error": {"code": code, "message": detail},
        "approvals": [],
        "cached": False,
        "usage": {"input_tokens": 120, "output_tokens": 0, "model_calls": 1, "tool_calls": 0},
        "cost_usd": "0.000030",
        "conversation_id": None,
        "metadata": {"order": "A-17"},
        "created_at": "2026-11-23T10:00:00.123Z",
        "started_at": "2026-11-23T10:00:00.125Z",
        "completed_at": "2026-11-23T10:00:01.480Z",
        "execution_time_seconds": 1.355,
    }
    return errors.TaskFailed(code, detail, task)


_LIMIT = {"name": "requests", "limit": 10, "remaining": 0, "window_seconds": 60, "reset_seconds": 4.2}

ENTRIES = (
    Entry(
        errors.InvalidRequest([FieldError("limits.max_steps", "min_value", "Input should be greater than or equal to 1.")]),
        "A field of the body or a query parameter is missing, unknown, of the wrong kind or out of range.",
        "Go through errors: each row names the field, a code for programs and a sentence for people. Correct the request; "
        "the same one will be refused again.",
    ),
    Entry(
        errors.MalformedJson("The body is not valid JSON: unexpected character: line 1 column 9 (char 8)."),
        "The body is not JSON, or not in UTF-8. NaN and Infinity are not JSON either.",
        "Let a JSON library write the body, and look at the place that detail names.",
    ),
    Entry(
        errors.InjectionDetected(rule="ignore_instructions", score=0.97),
        "A text reads as an attempt to override the agent's instructions. It may be the task's own text, or one that was "
        "met while the task ran.",
        "Rephrase the task without instructions about the agent's instructions. rule says which pattern was seen.",
    ),
    Entry(
        errors.Unauthenticated("missing_key", "Send your API key as “Authorization: Bearer <key>”."),
        "The call came without an API key, and this path needs one.",
        "Send the header Authorization: Bearer, followed by your key.",
    ),
    Entry(
        errors.Unauthenticated("invalid_key", "This API key does not exist or was revoked."),
        "The key is mistyped, was revoked, or belongs to a client that is switched off.",
        "Check that the whole key is sent. If it is, ask an operator for a new one.",
    ),
    Entry(
        errors.Unauthenticated("expired_key", "This API key expired at 2026-11-20T00:00:00Z."),
        "The key was made for a limited time, which is over.",
        "Ask an operator for a new key.",
    ),
    Entry(
        errors.BudgetExceeded("The next model call could take the task past its limit of 0.50 US dollars."),
        "Going on could have cost more than the task's limit or a budget of the client or key allows; budget has its "
        "figures. Or the model has no price. A task that had begun is kept; it stands under task.",
        "Ask for less (limits.max_output_tokens), wait until resets_at, raise limits.max_cost_usd where the agent allows "
        "it, or talk to an operator about the budget or the price.",
    ),
    Entry(
        errors.Forbidden(
            "This key may not call the agent type “coder”; it may call: general, writer.",
            members={"rule": "agent_type", "required": "coder", "allowed": ["general", "writer"]},
        ),
        "The key is good, but not for this: its scopes, its agent types or its networks do not include it. rule says which, "
        "required what it would take, allowed what the key has.",
        "Use another key, or ask an operator to widen this one.",
    ),
    Entry(
        errors.NotFound(),
        "There is nothing at this path, or it belongs to another client. The two look alike on purpose.",
        "Check the path and the identifier. API paths have no trailing slash.",
    ),
    Entry(
        errors.translated(drf.MethodNotAllowed("PUT")),
        "The path exists, but not for this HTTP method.",
        "Use one of the methods that the Allow header names.",
    ),
    Entry(
        errors.translated(drf.NotAcceptable()),
        "The Accept header asks for a form that this path cannot answer in.",
        "Accept application/json, or leave the header out.",
    ),
    Entry(
        errors.Conflict("The approval “a1” was approved already."),
        "The request does not fit the state of what it is about: an approval that is no longer pending; or a conversation of "
        "which a task has not ended (task_id names it), where it is to be deleted, or CONVERSATION_CONFLICT is reject.",
        "Read the task again and decide by what it says now: wait for it, or cancel it, then send the request again.",
    ),
    Entry(
        errors.RequestTooLarge(256 * 1024),
        "The body is larger than this server takes. It was refused before it was read whole.",
        "Send less: shorten the task or its context.",
    ),
    Entry(
        errors.translated(drf.UnsupportedMediaType("text/plain")),
        "The body is not declared as JSON.",
        "Send the header Content-Type: application/json.",
    ),
    Entry(
        errors.IdempotencyKeyReused(),
        "The same Idempotency-Key came with another body in the last 24 hours.",
        "Use a new key for a new request, and the old key only to repeat the very same one.",
    ),
    Entry(
        errors.RateLimited(
            "10 requests per 60 s allowed for tier basic; the next is allowed in 4.2 s.",
            members={"rule": "requests", "limit": _LIMIT},
            headers={"Retry-After": "5"},
        ),
        "A limit of the client or of the key is used up; limit.name says which one: requests, tokens, concurrency (tasks at "
        "once), daily_requests, estimates, or calls (all others). Nothing was consumed.",
        "Wait as long as Retry-After says, then send the request again. The RateLimit headers of every answer tell how "
        "much is left.",
    ),
    Entry(
        errors.translated(RuntimeError()),
        "A fault on our side.",
        "Try again later. When it persists, report it with the request_id.",
    ),
    Entry(
        _failed_task("model_failed", "The model did not answer: the provider refused the connection."),
        "The model's provider failed, refused, or answered with something unusable, and trying again did not help.",
        "Try again later. The task is kept with its journal, under task.",
    ),
    Entry(
        _failed_task("tool_failed", "The tool web_fetch failed, and the agent could not go on without it."),
        "A tool that the agent needed failed.",
        "Look at the steps of the task, and try again or ask in another way.",
    ),
    Entry(
        _failed_task("max_steps", "The agent did not finish within 12 steps."),
        "The agent used up the steps it may take.",
        "Raise limits.max_steps where the agent allows it, or ask for less at once.",
    ),
    Entry(
        _failed_task("output_invalid", "The answer did not satisfy output_schema after it was repaired twice."),
        "The model did not manage to answer in the form that output_schema asks for.",
        "Simplify the schema, or say in the task what the fields mean.",
    ),
    Entry(
        _failed_task("attempts_exhausted", "The task was started three times and never came to its end."),
        "The processes that ran the task died under it, each time.",
        "Report it with the task_id: an operator should look at it.",
    ),
    Entry(
        errors.Unavailable(),
        "The database cannot be reached. Nothing was done, and nothing was spent.",
        "Send the request again after Retry-After seconds; with an Idempotency-Key that is safe in any case.",
    ),
    Entry(
        _failed_task("timed_out", "The task did not finish within 60 s."),
        "The task ran longer than its limits.timeout_seconds.",
        "Raise the limit, or run the task in the background with async_execution.",
    ),
)  # fmt: skip

BY_CODE: Mapping[str, Entry] = {entry.code: entry for entry in ENTRIES}
