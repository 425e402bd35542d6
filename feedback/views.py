"""The feedback API."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from accounts.permissions import KeyView
from agentplatform.rendering import json_response
from agentplatform.schema import error_codes, example
from feedback import services
from feedback.schemas import FeedbackObject, FeedbackRequest

OPINION = {
    "task_id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4",
    "rating": 4,
    "comment": "Right, but longer than it had to be.",
    "tags": ["accurate", "verbose"],
    "correction": None,
}
SAID = {**OPINION, "created_at": "2026-11-23T10:05:00.123456Z", "updated_at": "2026-11-23T10:05:00.123456Z"}
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, description="Where to read it.", response=[201])


class FeedbackView(KeyView):
    """Feedback on the caller's tasks."""

    scope = "feedback"
    with_body = frozenset({"POST"})

    @extend_schema(
        operation_id="give_feedback",
        request=FeedbackRequest,
        responses={200: FeedbackObject, 201: FeedbackObject},
        parameters=[LOCATION],
        extensions=error_codes("not_found"),
        examples=[
            example("An opinion", OPINION),
            example("A rating alone", {"task_id": OPINION["task_id"], "rating": 5}),
            example("Kept instead of the earlier", {**SAID, "updated_at": "2026-11-23T11:00:00.654321Z"}, status=200),
            example("Kept", SAID, status=201),
        ],
        tags=["feedback"],
    )
    async def post(self, request: Request) -> Any:
        """Say what you thought of a task's result. Said again for the same task, it replaces what was said before."""
        feedback, is_first = await services.give(self.request.caller, self.body(FeedbackRequest))
        said = FeedbackObject.of(feedback)
        if not is_first:
            return json_response(said)
        return json_response(said, status=201, headers={"Location": reverse("feedback_of_task", args=[said.task_id])})


class FeedbackOfTaskView(KeyView):
    """What was said about one task."""

    scope = "feedback"

    @extend_schema(
        operation_id="get_feedback",
        responses=FeedbackObject,
        examples=[example("What was said", SAID, status=200)],
        tags=["feedback"],
    )
    async def get(self, request: Request, task_id: UUID) -> Any:
        """What you said about a task."""
        return json_response(FeedbackObject.of(await services.said(self.request.caller, task_id)))
