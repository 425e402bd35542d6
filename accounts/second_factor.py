"""An operator's second factor: a time-based code (TOTP, RFC 6238) of an app, and recovery codes for when it is lost."""

from base64 import b32encode
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django_otp import login
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import audit

RECOVERY_CODES = 10
Operator = AbstractBaseUser | AnonymousUser


class CodeForm(forms.Form):
    """A code of the app that is being set up."""

    code = forms.CharField(
        max_length=12,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


def has_one(user: Operator) -> bool:
    """Whether the operator has set up an app."""
    return bool(TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists())


def is_owed(request: HttpRequest) -> bool:
    """Whether the operator has a second factor, and signed in without it, such as before it was set up."""
    user: Any = request.user
    if not user.is_authenticated or user.is_verified():
        return False
    if not hasattr(user, "owes_second_factor"):
        user.owes_second_factor = has_one(user)  # asked once for each request
    return bool(user.owes_second_factor)


def is_missing(request: HttpRequest) -> bool:
    """Whether the operator, who may come in, has to set one up before anything else."""
    user: Any = request.user
    return bool(settings.REQUIRE_SECOND_FACTOR) and not user.is_verified()


def verified(user: User, code: str) -> Device | None:
    """The app whose code this is, or the recovery codes that it was one of; None for every other, and right after a wrong one.

    A code is taken once.
    """
    code = code.replace(" ", "").lower()
    with transaction.atomic():
        devices = (TOTPDevice if code.isdigit() else StaticDevice).objects.select_for_update()
        device = devices.filter(user=user, confirmed=True).first()
        return device if device and device.verify_token(code) else None


def remove(user: User, *, actor: audit.Actor) -> None:
    """Take an operator's app and recovery codes away, so that the password alone lets in until another app is set up."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        audit.note(actor, "second factor removed", user)


def page(request: HttpRequest) -> HttpResponse:
    """Set up an app, or take it away."""
    user: Any = request.user
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Second factor", "has_one": has_one(user)}
    if context["has_one"]:
        if request.method == "POST" and "remove" in request.POST:
            if not verified(user, request.POST.get("code", "")):
                messages.error(request, "This code is not right, so nothing was changed.")
            else:
                remove(user, actor=audit.operator(request))
                messages.success(request, "Your second factor was removed.")
            return redirect("admin:second_factor")
        context["codes_left"] = StaticToken.objects.filter(device__user=user).count()
        context["form"] = CodeForm()
        return TemplateResponse(request, "accounts/second_factor.html", context)
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if device.verify_token(form.cleaned_data["code"].replace(" ", "")):
            context |= {"has_one": True, "codes": _confirmed(request, device), "form": CodeForm()}
            return TemplateResponse(request, "accounts/second_factor.html", context)
        form.add_error("code", "This code is not right. See that the clock of your phone is, and try the next one.")
    context |= {
        "form": form,
        "secret": b32encode(device.bin_key).decode().rstrip("="),
        "picture": _picture(device),
    }
    return TemplateResponse(request, "accounts/second_factor.html", context)


def _confirmed(request: HttpRequest, device: TOTPDevice) -> list[str]:
    """Have the app hold from now on; gives the recovery codes, which are shown once."""
    with transaction.atomic():
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        StaticDevice.objects.filter(user=device.user).delete()
        recovery = StaticDevice.objects.create(user=device.user, name="recovery")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        recovery.token_set.bulk_create([StaticToken(device=recovery, token=code) for code in codes])
        audit.note(audit.operator(request), "second factor set up", device.user)
    login(request, device)
    return codes


def _picture(device: TOTPDevice) -> str:
    """The app's address as a QR code, in the address of a picture."""
    return str(
        segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=2, dark="#111827", light="#ffffff")
    )
