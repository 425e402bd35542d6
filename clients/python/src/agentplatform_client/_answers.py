"""Reads the server's answers: into values where they are good, into errors where they are not."""

import contextlib
import re
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from agentplatform_client.errors import (
    AgentplatformError,
    ConnectionFailed,
    UnexpectedAnswer,
    failure,
    refusal,
)
from agentplatform_client.models import Model, Task

M = TypeVar("M", bound=Model)
SHOWN = 200


def parsed(response: httpx2.Response, kind: type[M]) -> M:
    """The answer as a value. Raises UnexpectedAnswer."""
    return understood(kind, _json(response), str(response.url))


def understood(kind: type[M], value: Any, source: str) -> M:
    """JSON as a value. Raises UnexpectedAnswer."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UnexpectedAnswer(
            f"{source} answered what this version of the client does not understand: {where}: {first['msg']}."
        ) from None


def error_of(response: httpx2.Response) -> AgentplatformError:
    """The error that an answer stands for, which is not a good one and has been read whole."""
    if response.has_redirect_location:
        return UnexpectedAnswer(
            f"{_origin(response)} sends on to {response.headers['Location'][:SHOWN]}; use that address."
        )
    problem = None
    with contextlib.suppress(UnexpectedAnswer):
        problem = _json(response)
    if isinstance(problem, dict) and "code" in problem:
        if isinstance(task := problem.get("task"), dict):
            return failure(understood(Task, task, str(response.url)))
        return refusal(response.status_code, problem, _retry_after(response))
    if response.status_code in (429, 502, 503, 504):
        # Not the platform's own words: a proxy before it speaks.
        detail = f"{_origin(response)} answered {response.status_code} {response.reason_phrase}".rstrip() + "."
        return refusal(response.status_code, {"detail": detail}, _retry_after(response))
    return UnexpectedAnswer(
        f"{_origin(response)} does not answer as an Agentplatform does "
        f"({response.status_code} {response.headers.get('Content-Type', 'without a type')} for {response.url.path}): "
        "check the URL of the platform."
    )


def lost(error: httpx2.RequestError, url: str) -> AgentplatformError:
    """The error that a broken, refused or silent connection stands for."""
    match error:
        case httpx2.SSEError():
            return UnexpectedAnswer(f"{url} sent what is no stream of events: {_reason(error)}.")
        case httpx2.ConnectTimeout() | httpx2.ConnectError() | httpx2.PoolTimeout() | httpx2.ProxyError():
            return ConnectionFailed(f"{url} cannot be reached: {_reason(error)}.")
        case httpx2.ReadTimeout() | httpx2.WriteTimeout():
            return ConnectionFailed(f"{url} did not answer in time.", is_sent=True)
        case httpx2.TransportError():
            return ConnectionFailed(f"The connection to {url} broke.", is_sent=True)
    return UnexpectedAnswer(f"{url} sent what cannot be read: {_reason(error)}.")


def completed(task: Task) -> Task:
    """The task, if it ended with a result. Raises TaskFailed or TaskCancelled."""
    if not task.is_completed:
        raise failure(task)
    return task


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise UnexpectedAnswer(
            f"{_origin(response)} does not answer as an Agentplatform does (no JSON for {response.url.path}): "
            "check the URL of the platform."
        ) from None


def _retry_after(response: httpx2.Response) -> float | None:
    with contextlib.suppress(KeyError, ValueError):
        return max(0.0, float(response.headers["Retry-After"]))
    return None


def _origin(response: httpx2.Response) -> str:
    return str(response.url.copy_with(raw_path=b"/")).rstrip("/")


def _reason(error: httpx2.RequestError) -> str:
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error))
    return (said or type(error).__name__).rstrip(".")
