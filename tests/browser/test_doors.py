"""The console's second factor and confirmation, as an operator goes through them."""

from base64 import b32decode

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from tests.browser.pictures import pictured
from tests.personas import OPERATOR, OPERATOR_PASSWORD

pytestmark = pytest.mark.usefixtures("nobody_locked_out")


def sign_in(page: Page, code: str = "") -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(OPERATOR)
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in").click()


def code_of(key: str, *, steps: int = 0) -> str:
    return f"{totp(b32decode(key + '=' * (-len(key) % 8)), t0=-30 * steps):06d}"


@pytest.mark.parametrize("width", [1280, 390])
def test_an_operator_sets_up_a_second_factor_and_signs_in_with_it(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page)
    page.goto("/admin/second-factor/")
    expect(page.get_by_alt_text("QR code of the key")).to_be_visible()
    pictured(page, f"second-factor-{width}.png")
    key = page.locator("#key").inner_text()
    page.get_by_label("Code").fill(code_of(key))
    page.get_by_role("button", name="Set it up").click()
    codes = page.get_by_label("Recovery codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    pictured(page, f"recovery-codes-{width}.png")
    recovery = codes.first.inner_text()
    page.context.clear_cookies()
    sign_in(page)
    expect(page.get_by_text("Enter the code that your authenticator app shows")).to_be_visible()
    pictured(page, f"login-{width}.png")
    sign_in(page, recovery)
    page.wait_for_url("**/admin/")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_dangerous_page_asks_for_the_password_and_goes_on(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    sign_in(page)
    page.context.request.get("/admin/")
    from django.contrib.sessions.models import Session

    for session in Session.objects.all():
        data = session.get_decoded() | {"confirmed_at": 0}
        Session.objects.filter(pk=session.pk).update(session_data=Session.objects.encode(data))
    page.goto("/admin/auth/user/add/")
    pictured(page, "confirm.png")
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("Username")).to_be_visible()
    assert User.objects.count() >= 1
