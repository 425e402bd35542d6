"""What people do with feedback: give it, and look at what was said."""

from uuid import UUID

from django.db.models.functions import Now

from accounts.callers import Caller
from agentplatform.database import in_database
from agentplatform.errors import NotFound
from agents.models import Task
from feedback.models import Feedback
from feedback.schemas import FeedbackRequest


async def give(caller: Caller, request: FeedbackRequest) -> tuple[Feedback, bool]:
    """Keep the feedback in place of what was said before about the task; tell whether it is the first.

    Raises NotFound for a task that is not the client's.
    """
    return await in_database(_keep, caller.client_id, request)


async def said(caller: Caller, task_id: UUID) -> Feedback:
    """Give what the client said about its task. Raises NotFound."""
    return await in_database(_find, caller.client_id, task_id)


def _keep(client_id: UUID, request: FeedbackRequest) -> tuple[Feedback, bool]:
    if not Task.objects.filter(pk=request.task_id, client_id=client_id).exists():
        raise NotFound(f"You have no task {request.task_id}.")
    feedback, is_first = Feedback.objects.update_or_create(
        task_id=request.task_id,
        defaults={
            "client_id": client_id,
            "rating": request.rating,
            "comment": request.comment or "",
            "tags": request.tags,
            "correction": request.correction or "",
            "updated_at": Now(),
        },
    )
    feedback.refresh_from_db()
    return feedback, is_first


def _find(client_id: UUID, task_id: UUID) -> Feedback:
    feedback = Feedback.objects.filter(pk=task_id, client_id=client_id).first()
    if feedback is None:
        raise NotFound(f"Nothing was said about a task {task_id} of yours.")
    return feedback
