"""Everything that the platform keeps in a process's memory, by the function that forgets it. New caches belong here."""

import sys
from collections.abc import Callable

from accounts import callers, edge, limits, refusals
from agentplatform import health, redis
from agents import breaker, metrics, prices, teams
from agents import health as agents_health
from agents.guards import remembered
from agents.tools import sources


def _let_redis_be_tried() -> None:
    redis._away_until = 0.0


def _let_the_model_be_asked() -> None:
    agents_health._checked_at = 0.0


def _close_sessions() -> None:
    if calling := sys.modules.get("agents.mcp_servers.calling"):
        calling.retain(())


FORGET: list[Callable[[], object]] = [
    callers.forget,
    remembered.forget,
    edge.forget,
    limits.forget,
    refusals.forget,
    health._kept.clear,
    teams.forget,
    prices.forget,
    sources.forget,
    _close_sessions,
    breaker.forget,
    metrics.forget,
    _let_redis_be_tried,
    _let_the_model_be_asked,
]


def forget() -> None:
    """Make this process as new."""
    for function in FORGET:
        function()
