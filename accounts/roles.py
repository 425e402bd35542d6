"""What operators may do in the console: viewers look, operators work with it, owners also decide who else may, and over money.

Roles are Django's groups, kept as this file says at each start. Groups of one's own may stand beside them.
"""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWER, OPERATOR, OWNER = "viewer", "operator", "owner"
ROLES = (VIEWER, OPERATOR, OWNER)
# App labels and models that owners alone change; and only they see other operators.
OWNERS_CHANGE = frozenset(
    ["auth.user", "auth.group", "accounts.tier", "accounts.client", "money.budget", "money.price"]
)
OWNERS_SEE = frozenset(["auth.user", "auth.group"])
OURS = ("accounts", "agentplatform", "agents", "feedback")


def fill_roles() -> list[str]:
    """Give each role its permissions; the names of roles that were missing."""
    made = []
    for name in ROLES:
        group, is_new = Group.objects.get_or_create(name=name)
        group.permissions.set(permissions_of(name))
        if is_new:
            made.append(name)
    return made


def permissions_of(role: str) -> Iterable[Permission]:
    """All permissions of a role, of the models that the console shows."""
    known = Permission.objects.select_related("content_type").filter(_shown())
    return [permission for permission in known if _has(role, permission)]


def _has(role: str, permission: Permission) -> bool:
    if role == OWNER:
        return True
    model = f"{permission.content_type.app_label}.{permission.content_type.model}"
    if permission.codename.startswith("view_"):
        return model not in OWNERS_SEE
    return role == OPERATOR and model not in OWNERS_CHANGE


def _shown() -> Q:
    labels = [config.label for config in apps.get_app_configs() if config.name.split(".")[0] in OURS]
    return Q(content_type__app_label__in=labels) | Q(
        content_type__app_label="auth", content_type__model__in=("user", "group")
    )
