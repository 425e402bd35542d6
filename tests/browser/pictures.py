"""Pictures of pages, where somebody wants new ones: PICTURES names the folder."""

import os
from pathlib import Path

from playwright.sync_api import Page

PICTURES = os.environ.get("PICTURES")


def pictured(page: Page, name: str, *, full_page: bool = False) -> None:
    """Keep what the page shows, or all of it, when that is asked for."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / name, caret="initial", full_page=full_page)
