"""The password once more, before acts that give or take access: a console left open on a desk is not enough for them."""

import time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts import edge

FRESH_SECONDS = 15 * 60
CONFIRMED_AT = "confirmed_at"
DANGEROUS = frozenset([
    "second_factor",
    "auth_user_add", "auth_user_change", "auth_user_delete", "auth_user_password_change", "auth_user_reset_second_factor",
    "auth_group_add", "auth_group_change", "auth_group_delete",
    "accounts_apikey_add", "accounts_apikey_rotate", "accounts_client_new_webhook_secret",
])  # fmt: skip
"""The console's pages that want a password not older than FRESH_SECONDS, by the names of their addresses."""
DANGEROUS_WHEN_SENT = frozenset([
    "auth_user_changelist", "auth_group_changelist", "accounts_apikey_changelist", "accounts_apikey_change",
])  # fmt: skip
"""Those that anybody may look at, and that want it for what is done there, such as revoking the chosen keys."""


class PasswordForm(forms.Form):
    """The operator's own password."""

    password = forms.CharField(
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True})
    )


def is_due(request: HttpRequest) -> bool:
    """Whether the operator has to give the password again for this request."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    is_dangerous = name in DANGEROUS or (name in DANGEROUS_WHEN_SENT and request.method == "POST")
    return is_dangerous and bool(time.time() - request.session.get(CONFIRMED_AT, 0) >= FRESH_SECONDS)


def page(request: HttpRequest) -> HttpResponse:
    """Ask for the password, and go on to where the operator was going."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        wanted = reverse("admin:index")
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if (wait := edge.count(request, "admin_login", settings.ADMIN_LOGIN_LIMIT)) > 0:
            form.add_error(
                "password", f"Too many passwords were tried from your address. Try again in {int(wait) + 1} s."
            )
        elif authenticate(request, username=request.user.get_username(), password=form.cleaned_data["password"]):
            request.session[CONFIRMED_AT] = time.time()
            return redirect(wanted)
        else:
            form.add_error("password", "This is not your password.")
    context = {**admin.site.each_context(request), "title": "Confirm that it is you", "form": form, "next": wanted}
    return TemplateResponse(request, "accounts/confirm.html", context)


def _signed_in(request: HttpRequest, **_: Any) -> None:
    request.session[CONFIRMED_AT] = time.time()


user_logged_in.connect(_signed_in, dispatch_uid="confirming")
