"""Runs tasks on an Agentplatform.

from agentplatform_client import Agentplatform

with Agentplatform("http://127.0.0.1:8000", "demo-key-123") as api:
    print(api.run("Explain in one sentence what an API is.").result)

`AsyncAgentplatform` has the same methods, to await. README.md shows the rest.
"""

from agentplatform_client._async.client import AsyncAgentplatform
from agentplatform_client._async.stream import AsyncTaskStream
from agentplatform_client._requests import Limits, TaskOptions
from agentplatform_client._retries import Retry
from agentplatform_client._sync.client import Agentplatform
from agentplatform_client._sync.stream import TaskStream
from agentplatform_client._version import __version__
from agentplatform_client.errors import (
    AgentplatformError,
    ApiError,
    BudgetExceeded,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    DeadlinePassed,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    PromptInjectionDetected,
    RateLimited,
    RequestTooLarge,
    ServerError,
    StreamInterrupted,
    TaskCancelled,
    TaskFailed,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from agentplatform_client.events import (
    ApprovalRequested,
    DelegateFinished,
    DelegateStarted,
    Event,
    StepRestarted,
    StepStarted,
    TaskEnded,
    TaskStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
)
from agentplatform_client.models import (
    Account,
    AgentType,
    Approval,
    Conversation,
    Estimate,
    Feedback,
    FieldError,
    Health,
    Key,
    Limit,
    NewKey,
    RotatedKey,
    Step,
    Task,
    TaskError,
    TaskUsage,
    Usage,
)

__all__ = [
    "Account",
    "AgentType",
    "Agentplatform",
    "AgentplatformError",
    "ApiError",
    "Approval",
    "ApprovalRequested",
    "AsyncAgentplatform",
    "AsyncTaskStream",
    "BudgetExceeded",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "Conversation",
    "DeadlinePassed",
    "DelegateFinished",
    "DelegateStarted",
    "Estimate",
    "Event",
    "Feedback",
    "FieldError",
    "Forbidden",
    "Health",
    "IdempotencyKeyReused",
    "InvalidRequest",
    "Key",
    "Limit",
    "Limits",
    "NewKey",
    "NotFound",
    "PromptInjectionDetected",
    "RateLimited",
    "RequestTooLarge",
    "Retry",
    "RotatedKey",
    "ServerError",
    "Step",
    "StepRestarted",
    "StepStarted",
    "StreamInterrupted",
    "Task",
    "TaskCancelled",
    "TaskEnded",
    "TaskError",
    "TaskFailed",
    "TaskOptions",
    "TaskStarted",
    "TaskStream",
    "TaskUsage",
    "TextDelta",
    "ToolCalled",
    "ToolReturned",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Usage",
    "__version__",
]
