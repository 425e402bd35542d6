"""How `agentctl` ends: its exit codes, and its one line about what went wrong."""

from agentplatform_client.errors import (
    AgentplatformError,
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    DeadlinePassed,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    ServerError,
    StreamInterrupted,
    TaskCancelled,
    TaskFailed,
    Unauthorized,
    UnexpectedAnswer,
)

FAILED = 1
USAGE = 2
REFUSED = 3
DENIED = 4
AWAY = 5
OUTPUT = 6
CANCELLED = 7
DEADLINE = 124
INTERRUPTED = 130

TABLE = """\
Exit codes: 0 done; 1 the task failed; 2 wrong usage or configuration; 3 the server refused; 4 the key may not do this;
5 the server cannot be reached, or is unavailable; 6 the output cannot be written; 7 the task was cancelled;
124 --timeout is over; 130 interrupted."""


class OutputFailed(Exception):
    """Standard output takes no more: its disk is full, or its reader has gone."""


def code_of(error: AgentplatformError) -> int:
    """The exit code that an error stands for."""
    match error:
        case TaskCancelled():
            return CANCELLED
        case TaskFailed():
            return FAILED
        case ConfigurationError():
            return USAGE
        case Unauthorized() | Forbidden():
            return DENIED
        case DeadlinePassed():
            return DEADLINE
        case ServerError() | ConnectionFailed() | UnexpectedAnswer():
            return AWAY
    return REFUSED


def hint_of(error: AgentplatformError) -> str:
    """What may help; empty where nothing is known."""
    match error:
        case Unauthorized():
            return "Check AGENTPLATFORM_API_KEY, --api-key or the configuration file."
        case NotFound():
            return "`agentctl tasks` lists yours."
        case IdempotencyKeyReused():
            return "Leave out --idempotency-key, or give another."
        case StreamInterrupted():
            return followed(error.task_id, error.last_event_id)
        case DeadlinePassed():
            return followed(error.task_id)
    return ""


def line_of(error: AgentplatformError) -> str:
    """What is said about an error, in one line."""
    match error:
        case InvalidRequest() if error.errors:
            text = " ".join(f"{each.field}: {each.message}" if each.field else each.message for each in error.errors)
        case ApiError():
            text = error.detail if error.status < 500 else str(error)
        case _:
            text = str(error)
    return " ".join(f"{text} {hint_of(error)}".split())


def followed(task_id: str | None, last_event_id: str | None = None) -> str:
    """How to go on with a task that goes on by itself."""
    if task_id is None:
        return ""
    return f"Follow it: agentctl tail {task_id}{f' --after {last_event_id}' if last_event_id else ''}"
