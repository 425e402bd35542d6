"""The app's registration with Django, and the console's."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"
    default = True

    def ready(self) -> None:
        """Hear who signs in."""
        from accounts import sign_ins

        sign_ins.connect()


class ConsoleConfig(admin.AdminConfig):
    default = False
    default_site = "accounts.console_site.ConsoleSite"
