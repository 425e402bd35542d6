"""The app's registration with Django: data sets and their runs have tables of their own."""

from django.apps import AppConfig


class EvalsConfig(AppConfig):
    name = "agents.evals"
    verbose_name = "Evaluations"
