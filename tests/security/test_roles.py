"""Every address of the console, by every role: what a role may not do, it cannot do by any address."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import django.test
import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import NoReverseMatch, get_resolver, reverse

from accounts.roles import OPERATOR, OWNER, ROLES, VIEWER, fill_roles
from tests.agents.making import published
from tests.api import Persona

# What anybody who is signed in may send: their own password, second factor and confirmation, the way out, a search, a theme.
OPEN = {
    "logout", "password_change", "password_change_done", "second_factor", "confirm", "index", "app_list", "autocomplete",
    "jsi18n", "search", "toggle_sidebar", "view_on_site", "login",
}  # fmt: skip
# What only shows or writes out what a viewer may see, however it is asked.
READING = {
    "agents_agent_export_all", "agents_agent_export_one", "agents_agent_compare", "agents_guardmark_measure",
    "agents_task_events",
}  # fmt: skip


def addresses() -> Iterator[tuple[str, str]]:
    """Names and patterns of the console's addresses."""
    resolver = get_resolver()
    found: dict[str, Any] = resolver.namespace_dict["admin"][1].reverse_dict
    for name in found:
        if isinstance(name, str):
            yield name, ""


def filled(name: str) -> str | None:
    """The address, with an id that its model has where there is one."""
    owner = next(
        (each for each in admin.site._registry if name.startswith(f"{each._meta.app_label}_{each._meta.model_name}_")),
        None,
    )
    first = owner._default_manager.order_by("pk").first() if owner else None
    for argument in (first.pk if first else None, 1, uuid4(), "x"):
        for arguments in ([], [argument]):
            try:
                return reverse(f"admin:{name}", args=arguments)
            except NoReverseMatch:
                continue
    return None


@pytest.fixture
def signed_in(alice: Persona) -> Any:
    fill_roles()
    alice.execute()
    published("poet")

    def signed_in(role: str) -> django.test.Client:
        user = User.objects.create_user(f"a-{role}", password="correct-horse-9", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = django.test.Client()
        client.force_login(user)
        return client

    return signed_in


def test_a_viewer_changes_nothing_by_any_address(signed_in: Any) -> None:
    client, tried, passed = signed_in(VIEWER), 0, []
    for name, _ in addresses():
        if name in OPEN | READING or (address := filled(name)) is None:
            continue
        answer = client.post(address, {"_save": "Save", "post": "yes"})
        is_unknown = answer.status_code == 302 and answer["Location"] == "/admin/"
        is_list = name.endswith(("_changelist", "_history")) and answer.status_code in (200, 302)  # it has no actions
        if not (answer.status_code in (400, 403, 404, 405) or is_unknown or is_list):
            passed.append((name, answer.status_code))
        tried += 1
    assert passed == [], str(passed)
    assert tried > 60, "the addresses are found"


def test_a_viewer_sees_all_lists_but_those_of_operators(signed_in: Any) -> None:
    client = signed_in(VIEWER)
    for model, own in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if not own.has_module_permission(client.get("/admin/").wsgi_request) and name.startswith("knowledge_passage"):
            continue
        status = client.get(reverse(f"admin:{name}_changelist")).status_code
        assert status == (403 if name in ("auth_user", "auth_group") else 200), name


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("page", "allowed"),
    [
        ("agents_agent_add", {OPERATOR, OWNER}),
        ("agents_agentversion_add", {OPERATOR, OWNER}),
        ("accounts_apikey_add", {OPERATOR, OWNER}),
        ("knowledge_document_add", {OPERATOR, OWNER}),
        ("accounts_tier_add", {OWNER}),
        ("accounts_client_add", {OWNER}),
        ("money_price_add", {OWNER}),
        ("auth_user_add", {OWNER}),
        ("auth_user_changelist", {OWNER}),
        ("auth_group_changelist", {OWNER}),
        ("accounts_auditentry_changelist", {VIEWER, OPERATOR, OWNER}),
    ],
)
def test_each_role_has_its_pages(signed_in: Any, role: str, page: str, allowed: set[str]) -> None:
    assert signed_in(role).get(reverse(f"admin:{page}")).status_code == (200 if role in allowed else 403)


def test_an_owner_makes_nobody_a_superuser_and_changes_none(signed_in: Any) -> None:
    client = signed_in(OWNER)
    above = User.objects.filter(is_superuser=True).get()
    page = reverse("admin:auth_user_change", args=[above.pk])
    client.post(page, {"username": "mallory", "is_active": "on", "is_staff": "on"})
    assert (
        client.post(reverse("admin:auth_user_password_change", args=[above.pk]), {"password1": "x"}).status_code == 403
    )
    assert client.post(reverse("admin:auth_user_delete", args=[above.pk]), {"post": "yes"}).status_code == 403
    above.refresh_from_db()
    assert above.username != "mallory"
    own = User.objects.get(username="a-owner")
    form = {
        "username": "a-owner",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [Group.objects.get(name=OWNER).pk],
    }
    client.post(reverse("admin:auth_user_change", args=[own.pk]), form)
    own.refresh_from_db()
    assert not own.is_superuser


def test_roles_come_with_the_start_and_are_kept_as_they_should_be(database: object) -> None:
    fill_roles()
    viewer = Group.objects.get(name=VIEWER)
    assert all(permission.codename.startswith("view_") for permission in viewer.permissions.all())
    assert not viewer.permissions.filter(content_type__app_label="auth").exists()
    viewer.permissions.clear()
    own = Group.objects.create(name="own")
    fill_roles()
    assert viewer.permissions.count() > 20
    assert own.permissions.count() == 0
