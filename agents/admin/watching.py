"""Watching a task from the console while it runs, and stopping it."""

from typing import cast

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentplatform.database import in_database
from agentplatform.errors import PlatformError, problem_response
from agents import lifecycle
from agents.models import Task
from agents.narration import Position
from agents.sse import event_stream
from agents.views import position_of


def events(request: HttpRequest, task: Task) -> HttpResponseBase:
    """The task's events as its client sees them, from the start or from Last-Event-ID, for as long as the operator is one."""
    try:
        after = position_of(request.headers.get("Last-Event-ID"))
    except PlatformError as refusal:
        return problem_response(refusal, request)
    stream: HttpResponseBase = async_to_sync(_stream)(task, after, cast(User, request.user).pk)
    return stream


def cancel(task: Task) -> None:
    """Stop a task; who watches it hears of that within a second."""
    lifecycle.request_cancel(task.pk, task.client_id, "operator")
    task.refresh_from_db()


async def _stream(task: Task, after: Position, user_id: int) -> HttpResponseBase:
    def is_operator() -> bool:
        return User.objects.filter(pk=user_id, is_active=True, is_staff=True).exists()

    async def is_welcome() -> bool:
        return await in_database(is_operator)

    return event_stream(task.pk, after=after, with_delegates=True, is_welcome=is_welcome)
