"""Operators and their roles, in the console's own look. Whoever may change operators gives nobody more than that."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import audit, second_factor
from accounts.admin.audit import Audited

# Apps and recovery codes are their owners' alone.
admin.site.unregister([User, Group, TOTPDevice, StaticDevice])


@admin.register(User)
class OperatorAdmin(UserAdmin, Audited):  # type: ignore[type-arg]  # generic in the stubs alone
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "roles", "has_second_factor", "is_active", "is_superuser", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    fieldsets: ClassVar = [
        (None, {"fields": ("username", "password", "email")}),
        ("Role", {"fields": ("is_active", "is_staff", "groups", "is_superuser", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    ]
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2", "is_staff", "groups")}),)
    actions_detail: ClassVar[list[str]] = ["reset_second_factor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return User.objects.prefetch_related("groups").annotate(has_device=Exists(devices))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("last_login", "date_joined")
        return own if request.user.is_superuser else (*own, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser is changed by superusers alone: its password would be a way to become one."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes themselves, or a superuser without being one."""
        is_out = obj is not None and (obj.pk == request.user.pk or (obj.is_superuser and not request.user.is_superuser))
        return not is_out and super().has_delete_permission(request, obj)

    @transaction.atomic
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Roles are no column, so what becomes of them is written down here."""
        before = _roles(form.instance) if change else []
        super().save_related(request, form, formsets, change)
        if (after := _roles(form.instance)) != before:
            audit.note(audit.operator(request), "changed", form.instance, {"roles": [before, after]})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002  # Django's
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            audit.note(audit.operator(request), "password set", User.objects.get(pk=id))
        return answer

    @action(description="Remove second factor", url_path="reset-second-factor", permissions=["reset"])
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For an operator whose phone and recovery codes are lost."""
        user = User.objects.get(pk=object_id)
        if not second_factor.has_one(user):
            messages.warning(request, f"{user} has no second factor.")
        elif request.method != "POST":
            context = {**self.admin_site.each_context(request), "title": "Remove second factor", "user_shown": user}
            return TemplateResponse(request, "accounts/reset_second_factor.html", context)
        else:
            second_factor.remove(user, actor=audit.operator(request))
            messages.success(request, f"{user}'s second factor was removed.")
        return redirect("admin:auth_user_change", object_id)

    def has_reset_permission(self, request: HttpRequest, object_id: str) -> bool:
        """As whoever may change the operator: a superuser's second factor is removed by superusers alone."""
        user = User.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        return user is not None and self.has_change_permission(request, user)

    @display(description="roles")
    def roles(self, user: User) -> str:
        return "superuser" if user.is_superuser else ", ".join(group.name for group in user.groups.all()) or "–"

    @display(description="second factor", boolean=True)
    def has_second_factor(self, user: Any) -> bool:
        return bool(user.has_device)


@admin.register(Group)
class RoleAdmin(GroupAdmin, Audited):
    """Named sets of permissions: the roles that are shipped, and others of one's own."""


def _roles(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))
