"""What can go wrong, by what the caller can do about it. Each error's text is a sentence for people; none holds the API key.

AgentplatformError
├── ConfigurationError          no URL, no key, or one that cannot be; nothing was sent
├── ConnectionFailed            no answer, however often it was tried
│   └── StreamInterrupted       a stream broke off and could not be resumed; the task goes on
├── DeadlinePassed              your own `timeout` is over; the task goes on
├── UnexpectedAnswer            who answered is no Agentplatform, or a much newer one
├── TaskFailed                  the task ended without a result; `task` has all of it
│   └── TaskCancelled
└── ApiError                    the server refused: `status`, `code`, `detail`, `request_id`
    ├── InvalidRequest          400; `errors` says what is wrong with which field
    ├── PromptInjectionDetected 400
    ├── Unauthorized            401; `code` says how: missing_key, invalid_key, expired_key
    ├── BudgetExceeded          402
    ├── Forbidden               403
    ├── NotFound                404
    ├── Conflict                409
    ├── RequestTooLarge         413
    ├── IdempotencyKeyReused    422
    ├── RateLimited             429; `retry_after` in seconds, `limit` with its figures
    └── ServerError             5xx
        └── Unavailable         502, 503, 504
"""

from collections.abc import Mapping
from typing import Any

from agentplatform_client.models import FieldError, Limit, Task


class AgentplatformError(Exception):
    """Any error of this package."""


class ConfigurationError(AgentplatformError):
    """The client cannot work as it was set up."""


class UnexpectedAnswer(AgentplatformError):
    """The answer is not one that an Agentplatform gives."""


class ConnectionFailed(AgentplatformError):
    """The server could not be reached, or did not answer. `is_sent`: the request may have arrived all the same."""

    def __init__(self, message: str, is_sent: bool = False) -> None:
        super().__init__(message, is_sent)
        self.is_sent = is_sent

    def __str__(self) -> str:
        return str(self.args[0])


class StreamInterrupted(ConnectionFailed):
    """A stream broke off for good. `client.events(task_id, after=last_event_id)` goes on where it stopped."""

    def __init__(self, reason: str, task_id: str | None = None, last_event_id: str | None = None) -> None:
        super().__init__(reason, True)
        self.args = (reason, task_id, last_event_id)
        self.task_id = task_id
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return f"The stream broke off and could not be resumed: {self.args[0]}"


class DeadlinePassed(AgentplatformError, TimeoutError):
    """The `timeout` that you gave is over. Nothing was cancelled: the task goes on."""

    def __init__(self, message: str, task_id: str | None = None) -> None:
        super().__init__(message, task_id)
        self.task_id = task_id

    def __str__(self) -> str:
        return str(self.args[0])


class TaskFailed(AgentplatformError):
    """The task ended without a result."""

    word = "failed"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.task = task

    @property
    def exit_reason(self) -> str | None:
        """Why it ended, such as `timed_out` or `budget_exceeded`."""
        return self.task.exit_reason

    def __str__(self) -> str:
        reason = f" ({self.exit_reason})" if self.exit_reason and self.exit_reason != self.task.status else ""
        message = f": {self.task.error.message}" if self.task.error else "."
        return f"Task {self.task.task_id} {self.word}{reason}{message}"


class TaskCancelled(TaskFailed):
    """The task was cancelled before it had a result."""

    word = "was cancelled"


class ApiError(AgentplatformError):
    """The server refused the request. `problem` is its answer (RFC 9457) as it came."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(status, problem, retry_after)
        self.status = status
        self.problem = dict(problem)
        self.retry_after = retry_after
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or problem.get("title") or f"The server answered {status}.")
        self.request_id = str(problem.get("request_id", ""))

    def __str__(self) -> str:
        facts = " ".join(filter(None, (str(self.status), self.code)))
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.detail} ({facts}{request})"


class InvalidRequest(ApiError):
    """A field is missing, unknown, of the wrong kind or out of range; the same request will be refused again."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """What is wrong with which field."""
        rows = self.problem.get("errors", ())
        return tuple(FieldError.model_validate(row) for row in rows if isinstance(row, Mapping))


class PromptInjectionDetected(ApiError):
    """The text reads as an attempt to override the agent's instructions."""


class Unauthorized(ApiError):
    """The key is missing, unknown, revoked or expired."""


class BudgetExceeded(ApiError):
    """No budget allows the task."""


class Forbidden(ApiError):
    """The key may not do this: by its scope, its agent types or the address it is used from."""


class NotFound(ApiError):
    """There is nothing by this name, or it is another client's."""


class Conflict(ApiError):
    """The request does not fit the state of things, such as an answer to an approval that is not pending."""


class RequestTooLarge(ApiError):
    """The body is larger than the server takes."""


class IdempotencyKeyReused(ApiError):
    """The Idempotency-Key came with another body before."""


class RateLimited(ApiError):
    """A limit is used up; after `retry_after` seconds the same request is admitted."""

    @property
    def limit(self) -> Limit | None:
        """The limit that refused, with its figures."""
        return Limit.model_validate(found) if isinstance(found := self.problem.get("limit"), Mapping) else None


class ServerError(ApiError):
    """The server could not do its work. Quote `request_id` to its operators."""


class Unavailable(ServerError):
    """The server, or what stands before it, cannot serve for the moment."""


_BY_CODE: dict[str, type[ApiError]] = {
    "prompt_injection_detected": PromptInjectionDetected,
    "idempotency_key_reused": IdempotencyKeyReused,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest, 401: Unauthorized, 402: BudgetExceeded, 403: Forbidden, 404: NotFound, 409: Conflict,
    413: RequestTooLarge, 422: InvalidRequest, 429: RateLimited, 502: Unavailable, 503: Unavailable, 504: Unavailable,
}  # fmt: skip


def refusal(status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> ApiError:
    """The error that an answer of the server stands for."""
    code = problem.get("code")
    otherwise = ServerError if status >= 500 else ApiError
    kind = _BY_CODE.get(code, _BY_STATUS.get(status, otherwise)) if isinstance(code, str) else None
    return (kind or _BY_STATUS.get(status, otherwise))(status, problem, retry_after)


def failure(task: Task) -> TaskFailed:
    """The error that a task without a result stands for."""
    return TaskCancelled(task) if task.status == "cancelled" else TaskFailed(task)
