"""Documents in the console, as an operator brings and tries them."""

from playwright.sync_api import FilePayload, Page, expect
from pytest_django import Settings

from agents.knowledge import reading
from tests.browser.pictures import pictured

LEAVE = """# Leave

Everybody has thirty days of holiday a year.

## Parental leave

Parental leave lasts six months. Tell your manager eight weeks before it begins."""


def file(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}


def test_an_operator_brings_documents_and_tries_a_search(console: Page) -> None:
    console.goto("/admin/knowledge/collection/add/")
    console.get_by_label("Name").fill("Staff handbook")
    console.get_by_label("librarian", exact=True).check()
    pictured(console, "collection-form.png", full_page=True)
    console.get_by_role("button", name="Save and continue editing").click()
    console.get_by_role("link", name="Upload documents").click()
    console.get_by_label("Documents").set_input_files(
        [file("Leave.md", LEAVE), file("Canteen.txt", "Soup is served at noon."), file("picture.png", "PNG")]
    )
    pictured(console, "upload.png", full_page=True)
    console.get_by_role("button", name="Upload").click()
    expect(console.get_by_text("picture.png was not taken. Files of this kind are not read.")).to_be_visible()
    expect(console.get_by_text("2 files wait to be read into Staff handbook.")).to_be_visible()
    expect(console.locator("#result_list").get_by_text("waiting to be read")).to_have_count(2)
    pictured(console, "documents-waiting.png", full_page=True)
    assert reading.read_waiting() == 2
    # The page looks again by itself.
    expect(console.locator("#result_list").get_by_text("ready")).to_have_count(2)
    pictured(console, "documents.png", full_page=True)
    console.locator("#result_list").get_by_role("link", name="Leave").click()
    expect(console.get_by_role("button", name="Read again")).to_be_visible()
    pictured(console, "document.png", full_page=True)
    console.get_by_role("link", name="Staff handbook").first.click()
    console.get_by_label("What an agent would ask for").fill("notice for parental leave")
    console.get_by_role("button", name="Try a search").click()
    expect(console.get_by_text("[Leave, Parental leave]")).to_be_visible()
    expect(console.locator("mark").first).to_be_visible()
    pictured(console, "tried.png", full_page=True)


def test_an_upload_that_is_too_large_is_said_before_it_is_sent(console: Page, settings: Settings) -> None:
    settings.KNOWLEDGE_MAX_FILE_BYTES, settings.KNOWLEDGE_MAX_UPLOAD_BYTES = 100_000, 64 * 1024 + 150_000
    console.goto("/admin/knowledge/document/add/")
    chosen = console.get_by_label("Documents")
    for files, told in (
        ([file("Small.txt", "x" * 90_000)], ""),
        ([file("Large.txt", "x" * 200_000)], "Large.txt has 0.2 MiB; at most 0.1 MiB are taken."),
        (
            [file(name, "x" * 90_000) for name in ("A.txt", "B.txt")],
            "Together they have 0.2 MiB; at most 0.1 MiB are taken",
        ),
    ):
        chosen.set_input_files(files)
        assert told in chosen.evaluate("input => input.validationMessage")
        assert chosen.evaluate("input => input.validity.valid") == (not told)
