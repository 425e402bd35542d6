"""What every answer says to browsers, and what production starts with."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import django.test
import pytest
from django.contrib import admin
from django.urls import reverse

from tests.api import Api, Persona
from tests.personas import OPERATOR, OPERATOR_PASSWORD
from tests.security.routes import ANYTHING, routes

ROOT = Path(__file__).parents[2]
ALPINE = ROOT / "agentplatform" / "static" / "unfold" / "js" / "alpine" / "alpine.js"
# @alpinejs/csp 3.17.4, dist/cdn.min.js, as npm has it.
ALPINE_SHA256 = "0d18d7f8d7910e2e0212f0f056b12f50bebc3abb7d88d2f7c7cb4c336fe4519a"
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FIT_FOR_PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "8d0c4f3b0e3f4e6fb6a6f3f5b7a8c9d0e1f2a3b4c5d6e7f88d0c4f3b0e3f4e6f",
    "API_KEY_PEPPER": "c0ffee00d15ea5e00ddba11000000000feedface0badf00d",
    "ALLOWED_HOSTS": "agents.example.com",
    "DATABASE_URL": "postgres://user:password@db.example.com/agents",
    "REDIS_URL": "redis://redis.example.com/0",
    "OPENAI_API_KEY": "sk-something",
}


def policy(value: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (directive.split() for directive in value.split(";"))}


def is_strict(value: str) -> bool:
    """Nothing by default, no framing, and scripts from our own files or from nowhere."""
    rules = policy(value)
    scripts = rules.get("script-src", ["'none'"])
    return (
        rules["default-src"] == ["'none'"]
        and rules["frame-ancestors"] == ["'none'"]
        and scripts in (["'self'"], ["'none'"])
    )


def test_every_route_answers_with_them_whatever_it_answers(api: Api, alice: Persona) -> None:
    for route in routes():
        for who in (api, alice):
            answer = who.request(route.method, route.of(ANYTHING))
            assert all(answer.headers[name] == value for name, value in EVERYWHERE.items()), str(route)
            assert is_strict(answer.headers["Content-Security-Policy"]), str(route)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/nowhere", {}),
        ("/admin/nowhere/", {}),
        ("/static/nowhere.js", {}),
        ("/static/agentplatform/console.js", {}),
        ("/admin/login/", {}),
        ("/agent/tasks", {"X-Forwarded-For": "x" * 4000}),
    ],
)
def test_so_do_pages_that_are_none(api: Api, path: str, headers: dict[str, str]) -> None:
    answer = api.get(path, headers=headers)
    assert all(answer.headers[name] == value for name, value in EVERYWHERE.items())
    assert is_strict(answer.headers["Content-Security-Policy"])


def test_so_does_what_is_refused_before_django(alice: Persona) -> None:
    answer = alice.execute("x" * 300_000)
    assert answer.status_code == 413
    assert is_strict(answer.headers["Content-Security-Policy"])


def test_no_page_of_the_console_has_a_script_in_it(operator: django.test.Client) -> None:
    """The policy would stop it; that none is there shows that nothing needs one."""
    for kind in admin.site._registry:
        page = operator.get(
            reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_changelist")
        ).content.decode()
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", page))
        assert not re.search(r"<[^>]+\son[a-z]+=", page)


def test_the_consoles_alpine_is_the_build_that_evaluates_nothing() -> None:
    assert sha256(ALPINE.read_bytes()).hexdigest() == ALPINE_SHA256
    assert not re.search(rb"new Function|AsyncFunction|\beval\(", ALPINE.read_bytes())


def test_the_consoles_cookies_are_kept_from_scripts_and_other_sites(api: Api) -> None:
    page = api.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    form = {"username": OPERATOR, "password": OPERATOR_PASSWORD, "csrfmiddlewaretoken": token[1]}
    answer = api.post("/admin/login/", data=form)
    assert answer.status_code == 302
    for cookie in [*page.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]:
        assert "HttpOnly" in cookie, cookie
        assert "SameSite=Lax" in cookie or "SameSite=Strict" in cookie, cookie


def in_production(*arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("PATH", "HOME", "LANG")
    environment = {name: os.environ[name] for name in names if name in os.environ} | FIT_FOR_PRODUCTION
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_djangos_own_check_of_a_deployment_finds_nothing() -> None:
    run = in_production("check", "--deploy", "--fail-level", "WARNING")
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
