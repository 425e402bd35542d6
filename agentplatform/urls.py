"""Every path the platform answers. The API's have no trailing slash."""

from django.contrib import admin
from django.urls import include, path

from accounts import edge
from accounts.pages import KeysPage
from agentplatform import docs, health, monitoring
from agentplatform.doctor.page import doctor
from agentplatform.views import ApiView
from agents.pages import PlaygroundPage

handler400 = "agentplatform.errors.bad_request"
handler403 = "agentplatform.errors.permission_denied"
handler404 = "agentplatform.errors.page_not_found"
handler500 = "agentplatform.errors.server_error"


def _page(view: type[ApiView]) -> edge.View:
    """A page of the documentation, which one address may open only so often."""
    return edge.limited(view.as_view(), "docs", "DOCS_LIMIT", "pages of the documentation")


urlpatterns = [
    path("", docs.index, name="index"),
    path("agent/", include("agents.urls")),
    path("agent/", include("feedback.urls")),
    path("", include("accounts.urls")),
    path("health", health.HealthView.as_view(), name="health"),
    path("health/live", health.LiveView.as_view(), name="live"),
    path("health/ready", health.ReadyView.as_view(), name="ready"),
    path("metrics", monitoring.MetricsView.as_view(), name="metrics"),
    path("openapi.json", _page(docs.SchemaView), name="schema"),
    path("docs", _page(docs.SwaggerView), name="swagger"),
    path("redoc", _page(docs.RedocView), name="redoc"),
    path("docs/errors", _page(docs.ErrorsView), name="errors"),
    path("playground", _page(PlaygroundPage), name="playground"),
    path("docs/keys", _page(KeysPage), name="keys"),
    path("admin/doctor/", admin.site.admin_view(doctor), name="doctor"),
    path("admin/", admin.site.urls),
]
