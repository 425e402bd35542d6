"""The app's registration with Django: documents and passages have tables of their own."""

from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "agents.knowledge"
    verbose_name = "Knowledge"
