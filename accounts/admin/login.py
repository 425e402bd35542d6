"""The console's login page, with a limit on the passwords that one address may try."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import edge


def guarded(login: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The login view, which answers 429 to an address that tried too many passwords."""

    @wraps(login)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and (wait := edge.count(request, "admin_login", settings.ADMIN_LOGIN_LIMIT)) > 0:
            return _too_many_tries(request, int(wait) + 1)
        return login(request, *args, **kwargs)

    return view


def _too_many_tries(request: HttpRequest, seconds: int) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Too many attempts", "seconds": seconds}
    answer = render(request, "accounts/too_many_logins.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


admin.site.login = guarded(admin.site.login)  # type: ignore[method-assign]  # the site has no other hook around its login
