"""The app's registration with Django: the roll-ups have tables of their own."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "agents.usage"
    verbose_name = "Usage"
