"""The approved operations of active APIs, for the registry."""

from functools import partial
from typing import Any, cast

from agents.http_apis import calling
from agents.http_apis.models import HttpOperation
from agents.http_apis.spec import ApiSpec
from agents.tools.arguments import read_by_schema
from agents.tools.tool import CallContext, Effect, Tool

# The request's own time-out comes first, and says more.
SECONDS_MORE = 5


def read() -> list[Tool]:
    """Read them. In a database thread."""
    rows = HttpOperation.objects.filter(state=HttpOperation.State.APPROVED, api__is_active=True)
    return [_tool(row) for row in rows.defer("api__document").select_related("api") if row.api.base_url]


def _tool(row: HttpOperation) -> Tool:
    approved = row.approved or {}
    effect = cast(Effect, row.effect)
    return Tool(
        name=row.name,
        description=approved["description"],
        parameters=approved["parameters"],
        effect=effect,
        timeout_seconds=row.api.call_seconds + SECONDS_MORE,
        function=partial(_call, row.api.spec, approved["details"], effect != "unsafe"),
        read=read_by_schema(approved["parameters"]),
        context_parameter="context",
    )


async def _call(
    spec: ApiSpec, details: dict[str, Any], is_safe: bool, arguments: dict[str, Any], context: CallContext
) -> str:
    return await calling.call(spec, details, arguments, context, is_safe=is_safe)
