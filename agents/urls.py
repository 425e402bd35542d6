"""The agents' paths, under /agent/."""

from django.urls import path

from agents import views
from agents.conversations.views import ConversationsView, ConversationView
from agents.usage.views import UsageView

urlpatterns = [
    path("execute", views.ExecuteView.as_view(), name="execute"),
    path("estimate", views.EstimateView.as_view(), name="estimate"),
    path("status/<uuid:task_id>", views.StatusView.as_view(), name="status"),
    path("events/<uuid:task_id>", views.EventsView.as_view(), name="events"),
    path("cancel/<uuid:task_id>", views.CancelView.as_view(), name="cancel"),
    path("approve/<uuid:task_id>", views.ApproveView.as_view(), name="approve"),
    path("tasks", views.TasksView.as_view(), name="tasks"),
    path("usage", UsageView.as_view(), name="usage"),
    path("conversations", ConversationsView.as_view(), name="conversations"),
    path("conversations/<uuid:conversation_id>", ConversationView.as_view(), name="conversation"),
    path("types", views.TypesView.as_view(), name="types"),
]
