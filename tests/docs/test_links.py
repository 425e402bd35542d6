"""What documents point to is there: links, anchors, files in backticks, tests."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs import recipes
from tests.docs.markdown import ROOT, anchors, codes, links, pages

PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|yml|toml|sh|txt|in)")
TEST = re.compile(r"(tests/[\w/.]+\.py)::(\w+)")
# Made by tools as they run, and left out of the repository.
RESULTS = ("bench/results/", "test-results/")
# Made by the page's reader.
MADE = {"docs/extending.md": {step.path for step in recipes.steps("docs/extending.md")}}


@cache
def names() -> frozenset[str]:
    """The names of all files of the project."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and (path.name == ".ci" or path.name[0] != ".")]
    return frozenset(path.name for folder in folders for path in folder.rglob("*")) | {
        path.name for path in ROOT.iterdir()
    }


@pytest.mark.parametrize("page", pages())
def test_its_links_lead_somewhere(page: str) -> None:
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        has_anchor = target.suffix == ".md" and target.exists() and anchor in anchors(str(target.relative_to(ROOT)))
        if not target.exists() or (anchor and not has_anchor):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", pages())
def test_the_files_it_names_exist(page: str) -> None:
    top = {path.name for path in ROOT.iterdir()}
    named = {code for code in codes(page) if PATH.fullmatch(code) and not code.startswith(RESULTS)} - MADE.get(
        page, set()
    )
    missing = [
        path
        for path in named
        if (path.partition("/")[0] in top and not _exists(path)) or ("/" not in path and path not in names())
    ]
    assert missing == []


@pytest.mark.parametrize("page", pages())
def test_the_tests_it_names_exist(page: str) -> None:
    named = [match.groups() for code in codes(page) for match in TEST.finditer(code)]
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"(def {name}\(|^{name} =)", _source(path), re.MULTILINE)
    ]
    assert missing == []


def test_the_index_leads_to_every_document() -> None:
    listed = {(ROOT / "docs" / link).resolve() for link in links("docs/README.md")}
    documents = {path for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"}
    assert {path.name for path in documents - listed} == set()


def _exists(path: str) -> bool:
    return (ROOT / path).exists() or any(ROOT.glob(path))


@cache
def _source(path: str) -> str:
    file = Path(ROOT / path)
    return file.read_text() if file.is_file() else ""
