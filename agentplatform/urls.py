"""Every path the platform answers. The API's have no trailing slash."""

from django.contrib import admin
from django.urls import include, path

from agentplatform import docs, health, monitoring

handler400 = "agentplatform.errors.bad_request"
handler403 = "agentplatform.errors.permission_denied"
handler404 = "agentplatform.errors.page_not_found"
handler500 = "agentplatform.errors.server_error"

urlpatterns = [
    path("", docs.index, name="index"),
    path("agent/", include("agents.urls")),
    path("agent/", include("feedback.urls")),
    path("health", health.HealthView.as_view(), name="health"),
    path("health/live", health.LiveView.as_view(), name="live"),
    path("health/ready", health.ReadyView.as_view(), name="ready"),
    path("metrics", monitoring.MetricsView.as_view(), name="metrics"),
    path("openapi.json", docs.SchemaView.as_view(), name="schema"),
    path("docs", docs.SwaggerView.as_view(), name="swagger"),
    path("redoc", docs.RedocView.as_view(), name="redoc"),
    path("docs/errors", docs.errors, name="errors"),
    path("admin/", admin.site.urls),
]
