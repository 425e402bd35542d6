"""The console's site: who comes in, by which factors, and what has to be confirmed by the password once more."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from unfold.sites import UnfoldAdminSite

from accounts import confirming, edge, second_factor
from accounts.login_form import LoginForm

View = Callable[..., HttpResponse]
ALWAYS = frozenset(["second_factor", "confirm", "logout"])
"""Pages of an operator who has to set up a second factor first."""


class ConsoleSite(UnfoldAdminSite):
    """Django's admin, with a limit on passwords, second factors, and a password again before dangerous acts."""

    index_title = "Dashboard"
    login_form = LoginForm
    login_template = "accounts/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """An active operator, by both factors where there are two."""
        return bool(super().has_permission(request)) and not second_factor.is_owed(request)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The login page, which answers 429 to an address that tried too many passwords."""
        if request.method == "POST" and (wait := edge.count(request, "admin_login", settings.ADMIN_LOGIN_LIMIT)) > 0:
            return self.too_many_tries(request, int(wait) + 1)
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def too_many_tries(self, request: HttpRequest, seconds: int) -> HttpResponse:
        """The answer to an address that tried too many passwords, or too many for one operator."""
        context = {**self.each_context(request), "title": "Too many attempts", "seconds": seconds}
        answer = render(request, "accounts/too_many_logins.html", context, status=429)
        answer["Retry-After"] = str(seconds)
        return answer

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """The view, behind the login, a second factor where one is demanded, and the password where the act is dangerous."""
        inner: View = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_permission(request):
                return inner(request, *args, **kwargs)
            name = request.resolver_match.url_name if request.resolver_match else ""
            if name not in ALWAYS and second_factor.is_missing(request):
                return HttpResponseRedirect(reverse("admin:second_factor"))
            if confirming.is_due(request):
                back = request.get_full_path()
                return HttpResponseRedirect(f"{reverse('admin:confirm')}?{urlencode({'next': back})}")
            return inner(request, *args, **kwargs)

        return guarded

    def get_urls(self) -> list[Any]:
        own = [
            path("confirm/", self.admin_view(confirming.page), name="confirm"),
            path("second-factor/", self.admin_view(second_factor.page), name="second_factor"),
        ]
        return [*own, *super().get_urls()]


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """What django-axes answers to an address that tried too many passwords for one operator."""
    from django.contrib import admin  # its site is made of this module

    site = cast(ConsoleSite, admin.site)
    return site.too_many_tries(request, int(settings.AXES_COOLOFF_TIME.total_seconds()))
