"""What can go wrong, as exceptions, and the one place that turns any of them into problem+json (RFC 9457).

PlatformError
├── InvalidRequest 400      ── MalformedJson
├── InjectionDetected 400
├── Unauthenticated 401     the code says how: missing_key, invalid_key, expired_key
├── BudgetExceeded 402
├── Forbidden 403
├── NotFound 404
├── Conflict 409
├── RequestTooLarge 413
├── IdempotencyKeyReused 422
├── RateLimited 429
├── TaskFailed 502, 504     a task run in the request did not complete
└── Unavailable 503         a store is away; nothing was done
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf

from agentplatform import metrics
from agentplatform.encoding import encoded
from agentplatform.logs import log

CONTENT_TYPE = "application/problem+json"


class PlatformError(Exception):
    """An error a client can act on. `detail` is a full sentence; `members` are extra fields of the body."""

    status = 500
    code = "internal_error"
    title = "Internal error"

    def __init__(
        self, detail: str, *, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its dotted path, a code for programs, a sentence for people."""

    field: str
    code: str
    message: str


class InvalidRequest(PlatformError):
    status, code, title = 400, "invalid_request", "Invalid request"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        detail = " ".join(f"{error.field}: {error.message}" if error.field else error.message for error in errors[:3])
        rows = [{"field": error.field, "code": error.code, "message": error.message} for error in errors]
        super().__init__(detail, members={"errors": rows})


class MalformedJson(PlatformError):
    status, code, title = 400, "malformed_json", "Malformed JSON"


class InjectionDetected(PlatformError):
    status, code, title = 400, "prompt_injection_detected", "Prompt injection detected"

    def __init__(
        self,
        detail: str = "The text reads as an attempt to override the agent's instructions.",
        *,
        rule: str,
        score: float,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            detail,
            members={"rule": rule, "score": score, **(members or {})},
        )


class Unauthenticated(PlatformError):
    status, code, title = 401, "invalid_key", "Not authenticated"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})
        self.code = code


class BudgetExceeded(PlatformError):
    status, code, title = 402, "budget_exceeded", "Budget exceeded"


class Forbidden(PlatformError):
    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(PlatformError):
    status, code, title = 404, "not_found", "Not found"

    def __init__(self, detail: str = "There is nothing at this path, or it is not yours.") -> None:
        super().__init__(detail)


class Conflict(PlatformError):
    status, code, title = 409, "conflict", "Conflict"


class RequestTooLarge(PlatformError):
    status, code, title = 413, "request_too_large", "Request too large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than the {limit_bytes} bytes allowed.")


class IdempotencyKeyReused(PlatformError):
    status, code, title = 422, "idempotency_key_reused", "Idempotency key reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another body before; use a new key for a new request.")


class RateLimited(PlatformError):
    status, code, title = 429, "rate_limited", "Too many requests"


class TaskFailed(PlatformError):
    """A task run in the request ended without a result; the task object is under `task`."""

    status, code, title = 502, "model_failed", "The task failed"

    def __init__(self, code: str, detail: str, task: Mapping[str, Any]) -> None:
        super().__init__(detail, members={"task": task})
        self.code = code
        self.status = {"timed_out": 504, "budget_exceeded": 402}.get(code, 502)


class Unavailable(PlatformError):
    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str = "The database cannot be reached; nothing was done. Try again shortly.") -> None:
        super().__init__(detail, headers={"Retry-After": "5"})


HTTP_CODES = {400: "invalid_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
              406: "not_acceptable", 413: "request_too_large", 415: "unsupported_media_type"}  # fmt: skip


def _plain(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> PlatformError:
    error = PlatformError(detail, headers=headers)
    error.status, error.code, error.title = status, HTTP_CODES[status], HTTPStatus(status).phrase
    return error


def translated(exception: BaseException) -> PlatformError:
    """The PlatformError that any exception stands for; what nobody foresaw is an internal error without details."""
    match exception:
        case PlatformError():
            return exception
        case Http404() | drf.NotFound():
            return NotFound()
        case RequestDataTooBig():
            return _plain(413, "The body is too large.")
        case drf.ParseError():
            return MalformedJson(str(exception.detail))
        case drf.MethodNotAllowed() | drf.NotAcceptable() | drf.UnsupportedMediaType():
            return _plain(exception.status_code, str(exception.detail))
        case PermissionDenied() | drf.PermissionDenied():
            return Forbidden("This is not allowed.")
        case DisallowedHost():
            return _plain(400, "The Host header names a host that this server does not answer to.")
        case SuspiciousOperation() | BadRequest():
            return _plain(400, "The request cannot be understood.")
        case OperationalError() | InterfaceError():
            return Unavailable()
        case _:
            return PlatformError("Something went wrong on our side. Quote the request_id when you report it.")


def problem(error: PlatformError, request_id: str) -> dict[str, Any]:
    """The problem+json body."""
    return {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id,
        **error.members,
    }


def problem_response(exception: BaseException, request: HttpRequest) -> HttpResponse:
    """Any exception as an HTTP answer; counted, and logged with its trace when it is our fault."""
    error = translated(exception)
    if type(error) is PlatformError and error.status == 500:
        log(__name__).error("internal_error", exc_info=exception)
    elif error.status < 500:
        metrics.refusals_total.labels(error.code).inc()
    body = encoded(problem(error, getattr(request, "request_id", "")), default=str)
    response = HttpResponse(body, status=error.status, content_type=CONTENT_TYPE)
    for name, value in error.headers.items():
        response[name] = value
    return response


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's door to the same."""
    return problem_response(exception, context["request"]._request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return problem_response(exception, request)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django passes both
    """Django's handler404."""
    return problem_response(NotFound(), request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return problem_response(exception, request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return problem_response(PlatformError("Something went wrong on our side."), request)
