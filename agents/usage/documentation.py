"""What the OpenAPI document says of GET /agent/usage beyond the types."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema

from agentplatform.schema import error_codes, example
from agents.usage import schemas

USED: dict[str, Any] = {
    "requests": 12,
    "completed": 11,
    "failed": 1,
    "cancelled": 0,
    "cached": 3,
    "tokens": {"input": 1440, "output": 1020},
    "cost_usd": "0.0123",
}
KEY = {"key_id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4", "name": "production backend", "prefix": "ap_live_3kTq0aXz"}
LIMIT = {"name": "requests", "limit": 100, "remaining": 88, "window_seconds": 60, "reset_seconds": 41.2}
USAGE: dict[str, Any] = {
    "from": "2026-11-01",
    "to": "2026-11-30",
    **USED,
    "limits": [LIMIT],
    "by_day": [{"date": "2026-11-23", **USED}],
    "by_agent_type": [{"agent_type": "general", **USED}],
    "by_key": [{**KEY, **USED}],
}
CSV = (
    "date,agent_type,key_id,key_name,key_prefix,requests,completed,failed,cancelled,cached,input_tokens,output_tokens,cost_usd\r\n"
    f"2026-11-23,general,{KEY['key_id']},{KEY['name']},{KEY['prefix']},12,11,1,0,3,1440,1020,0.0123\r\n"
)
AS_CSV = (200, "text/csv")

usage = extend_schema(
    operation_id="get_usage",
    parameters=[schemas.UsageQuery],  # type: ignore[list-item]  # our schema reads pydantic queries
    responses={
        200: schemas.Usage,
        AS_CSV: OpenApiResponse(str, "With `format=csv`, or `Accept: text/csv`: a record for each day, agent and key."),
    },
    extensions=error_codes("invalid_request"),
    examples=[
        example("Usage", USAGE, status=200, media_type="application/json"),
        example("As CSV", CSV, status=200, media_type="text/csv"),
    ],
    tags=["agent"],
)
