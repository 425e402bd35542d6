import re

import pytest
from playwright.sync_api import Page, expect

from tests.personas import OPERATOR, OPERATOR_PASSWORD


def test_swagger_shows_the_operations(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator(".opblock-summary-path").filter(has_text="/agent/execute")).to_be_visible()


def test_redoc_shows_the_operations(page: Page) -> None:
    page.goto("/redoc")
    expect(page.get_by_text("/agent/execute").first).to_be_attached()


def test_every_error_has_its_place_on_the_errors_page(page: Page) -> None:
    page.goto("/docs/errors#rate_limited")
    expect(page.locator("#rate_limited")).to_be_in_viewport()


def test_the_welcome_page_leads_to_the_docs(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Try it").first.click()
    expect(page).to_have_url(re.compile("/docs$"))


def test_an_operator_logs_in_and_finds_the_clients(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(OPERATOR)
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto("/admin/accounts/client/")
    expect(page.get_by_role("link", name="Wonderland")).to_be_visible()


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/client/"])
def test_nobody_enters_the_console_without_a_login(page: Page, path: str) -> None:
    page.goto(path)
    expect(page).to_have_url(re.compile(r"/admin/login/\?next="))
