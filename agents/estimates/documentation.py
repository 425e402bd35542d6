"""What the OpenAPI document says of POST /agent/estimate beyond the types."""

from typing import Any

from drf_spectacular.utils import extend_schema

from agentplatform.schema import example
from agents.estimates.schemas import EstimateObject
from agents.schemas import ExecuteRequest

ADMITTED: dict[str, Any] = {
    "cost_usd": {"min": "0.000014", "max": "0.0123"},
    "cached": False,
    "guard": {"verdict": "pass"},
    "agents": [{"slug": "general", "version": 3, "model": "gpt-5-mini"}],
    "limits": [{"name": "requests", "limit": 100, "remaining": 88, "window_seconds": 60, "reset_seconds": 41.2}],
    "budgets": [{"holder": "client", "period": "month", "is_hard": True, "limit_usd": "20", "remaining_usd": "7.4312"}],
    "refusal": None,
}
REFUSED: dict[str, Any] = {
    **ADMITTED,
    "guard": {"verdict": "block", "rule": "override_instructions", "score": 0.9},
    "refusal": {
        "status": 400,
        "code": "prompt_injection_detected",
        "detail": "The text reads as an attempt to override the agent's instructions.",
    },
}

estimate = extend_schema(
    operation_id="estimate",
    request=ExecuteRequest,
    responses=EstimateObject,
    examples=[
        example("A task", {"task": "Summarise the benefits of Django", "context": {"audience": "beginner"}}),
        example("It would run", ADMITTED, status=200),
        example("It would be refused", REFUSED, status=200),
    ],
    tags=["agent"],
)
