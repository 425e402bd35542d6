"""What the audit keeps of the console's door: who came in, and who was locked out."""

from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from accounts import audit
from agentplatform.logs import log
from agentplatform.middleware import request_id_of


def _came_in(request: HttpRequest, user: User, **_: Any) -> None:
    audit.note(audit.Actor("operator", user.get_username(), request_id_of(request)), "signed in", user)


def _locked_out(request: HttpRequest, username: str, **_: Any) -> None:
    """Once for each lock. Of operators that there are; what else was typed into the field may be a password."""
    if getattr(request, "axes_failures_since_start", 0) != settings.AXES_FAILURE_LIMIT:
        return
    log(__name__).warning("operator_locked_out")
    if user := User.objects.filter(username=username).first():
        audit.note(audit.Actor("start", "the login page", request_id_of(request)), "locked out", user)


def connect() -> None:
    """Have Django and django-axes tell."""
    user_logged_in.connect(_came_in, dispatch_uid="sign_ins")
    user_locked_out.connect(_locked_out, dispatch_uid="sign_ins")
