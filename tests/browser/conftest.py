"""Pages in a real browser: the machine's Chromium, without a window. Without one these tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.api import Api

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",  # root may not use it, and what is opened here is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module's tests and not longer: while it runs, this thread has an event loop, which others do not expect."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI"):
            pytest.fail(missing)  # there a skip would pass for a test
        pytest.skip(missing)
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Django takes that event loop for a reason not to touch the database from here.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """What went wrong on the page; a test that has something refused takes that out."""
    return []


@pytest.fixture
def page(browser: Browser, api: Api, troubles: list[str]) -> Iterator[Page]:
    """A fresh page on the server. The test fails when a script failed on it, or when it asked another host for anything."""
    url = str(api.base_url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            troubles.append(f"console: {message.text} {message.location['url']}")

    def note_request(request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(url):
            troubles.append(f"another host: {request.url}")

    with browser.new_context(base_url=url) as context:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", note_message)
        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("request", note_request)
        yield page
    assert troubles == []


@pytest.fixture
def console(page: Page) -> Page:
    """The console, wide, with the operator signed in."""
    # Here, since this file is read before Django is set up.
    from tests.personas import OPERATOR, OPERATOR_PASSWORD

    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/")
    page.get_by_label("Username").fill(OPERATOR)
    page.get_by_label("Password").fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    return page
