"""The app's registration with Django: the tables of money are apart from those of access."""

from django.apps import AppConfig


class MoneyConfig(AppConfig):
    name = "accounts.money"
    verbose_name = "Money"
