"""The app's registration with Django: conversations have tables of their own."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "agents.conversations"
    verbose_name = "Conversations"
