"""Paths of the feedback API, mounted under /agent/."""

from django.urls import path

from feedback.views import FeedbackOfTaskView, FeedbackView

urlpatterns = [
    path("feedback", FeedbackView.as_view(), name="feedback"),
    path("feedback/<uuid:task_id>", FeedbackOfTaskView.as_view(), name="feedback_of_task"),
]
