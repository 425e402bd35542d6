"""The app's registration with Django: approvals have a table of their own."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "agents.approvals"
    verbose_name = "Approvals"
