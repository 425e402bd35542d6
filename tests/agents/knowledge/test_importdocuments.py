"""`manage.py importdocuments`."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import AuditEntry
from agents.knowledge.models import Collection, Document, DocumentFile, Passage
from tests.agents.knowledge import files

pytestmark = pytest.mark.usefixtures("database")
TAKEN = "Files of these kinds are taken"


def said(*paths: Path, collection: str = "Rules", **options: Any) -> tuple[str, str, str]:
    """What the command says on standard output, on standard error, and how it fails."""
    out, err, failure = io.StringIO(), io.StringIO(), ""
    try:
        call_command("importdocuments", *map(str, paths), collection=collection, stdout=out, stderr=err, **options)
    except CommandError as error:
        failure = str(error)
    return out.getvalue(), err.getvalue(), failure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "leave").mkdir()
    (tmp_path / "leave" / "holiday.md").write_text("# Holiday\n\nThirty days.")
    (tmp_path / "pay.pdf").write_bytes(files.pdf("Pay comes on the last day.", "Of the month."))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path


def test_it_imports_folders_and_reads_what_is_in_them(folder: Path) -> None:
    Collection.objects.create(name="Rules")
    out, err, failure = said(folder)
    assert out.splitlines() == [
        f"{folder}/leave/holiday.md: new, 1 passage",
        f"{folder}/pay.pdf: new, 1 passage of 2 pages",
        "2 of 2 files are in Rules.",
    ]
    assert (err, failure) == ("", "")
    documents = Document.objects.order_by("title").values_list(
        "title", "status", "pages", "passages_count", "characters"
    )
    assert list(documents) == [("leave/holiday", "ready", None, 1, 12), ("pay", "ready", 2, 1, 41)]
    entries = AuditEntry.objects.filter(subject_kind="document")
    assert set(entries.values_list("actor_kind", "action")) == {("command", "uploaded")}
    assert entries.first().changes["collection"] == [None, "Rules"]  # type: ignore[union-attr]  # there is one


def test_a_new_collection_names_who_may_read_it(folder: Path) -> None:
    said(folder, create=True, agent=["librarian", "general"])
    assert Collection.objects.get().agents == ["general", "librarian"]


def test_what_is_there_already_is_left_alone(folder: Path) -> None:
    said(folder, create=True)
    before = list(Passage.objects.values_list("pk", flat=True))
    out, _, failure = said(folder, folder / "pay.pdf")
    assert out.count("is there already as") == 3
    assert failure == ""
    assert list(Passage.objects.values_list("pk", flat=True)) == before


def test_a_new_file_takes_the_place_of_the_one_of_its_name_or_title(folder: Path) -> None:
    said(folder, create=True)
    (folder / "pay.pdf").write_bytes(files.pdf("Pay comes on the first."))
    assert "pay.pdf: replaced, 1 passage of 1 page\n" in said(folder / "pay.pdf")[0]
    (folder / "pay.txt").write_text("Pay comes in the middle.")
    assert "pay.txt: replaced, 1 passage\n" in said(folder / "pay.txt")[0]
    pay = Document.objects.get(title="pay")
    assert (pay.file_name, pay.pages, pay.passages.get().text) == ("pay.txt", None, "Pay comes in the middle.")
    assert Document.objects.count() == DocumentFile.objects.count() == 2
    entry = AuditEntry.objects.filter(action="replaced", subject_id=pay.pk).first()
    assert entry is not None
    assert entry.changes["file_name"] == ["pay.pdf", "pay.txt"]


def test_a_file_that_cannot_be_read_leaves_what_was_there_in_use(folder: Path) -> None:
    said(folder, create=True)
    (folder / "pay.pdf").write_bytes(b"%PDF-1.4 nonsense")
    _, err, failure = said(folder / "pay.pdf")
    assert err == f"{folder}/pay.pdf: It is no PDF that can be read; it may be damaged.\n"
    assert failure == "1 of 1 files could not be imported; see above."
    pay = Document.objects.get(title="pay")
    assert (pay.status, pay.reason) == ("failed", "It is no PDF that can be read; it may be damaged.")
    assert pay.passages.get().text.startswith("Pay comes on the last day.")


def test_the_same_file_is_tried_again_after_a_failure(folder: Path, settings: Settings) -> None:
    settings.KNOWLEDGE_MAX_PAGES = 1
    assert "It has 2 pages; at most 1 are read" in said(folder, create=True)[1]
    settings.KNOWLEDGE_MAX_PAGES = 2
    assert "pay.pdf: replaced, 1 passage of 2 pages" in said(folder)[0]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.png", b"\x89PNG", "Files of this kind are not read. Text (.txt)"),
        ("a", b"text", "Files of this kind are not read."),
        ("a.txt", b"", "It is empty."),
        ("a.pdf", b"PK\x03\x04", "It is no PDF, though its name says so."),
        ("a.docx", b"%PDF-1.4", "It is no Word document, though its name says so."),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "It is protected by a password or of an old kind"),
        ("a.txt", b"x" * 2049, "at most 0.0 MiB are taken"),
    ],
)
def test_a_file_that_is_not_taken_leaves_nothing_behind(
    tmp_path: Path, settings: Settings, name: str, content: bytes, told: str
) -> None:
    settings.KNOWLEDGE_MAX_FILE_BYTES = 2048
    (tmp_path / name).write_bytes(content)
    _, err, failure = said(tmp_path / name, create=True)
    assert told in err
    assert failure == "1 of 1 files could not be imported; see above."
    assert not Document.objects.exists()


def test_one_bad_file_keeps_no_other_out(folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 nonsense")
    out, err, failure = said(folder, create=True)
    assert "2 of 3 files are in Rules." in out
    assert "bad.pdf" in err
    assert failure


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "There is no collection 'Rules'; there are: Other. --create makes it."),
        ({"create": True, "agent": ["nobody"]}, "--agent: there is no agent 'nobody'; there are: analyst, auto,"),
        ({"collection": "Other", "agent": ["general"]}, "--agent: Other is there already; who may read it is said in"),
        ({"language": "klingon"}, "--language: there is no 'klingon'; there are: simple, arabic"),
    ],
)
def test_it_says_what_would_be_right(folder: Path, options: dict[str, Any], told: str) -> None:
    Collection.objects.create(name="Other")
    assert told in said(folder, **options)[2]


def test_a_path_that_leads_nowhere_imports_nothing(folder: Path) -> None:
    _, _, failure = said(folder, folder / "nowhere", create=True)
    assert failure == f"There is no file or folder {folder}/nowhere."
    assert not Collection.objects.exists()
    (folder / "empty").mkdir()
    assert TAKEN in said(folder / "empty", create=True)[2]


def test_a_file_that_may_not_be_opened_is_named(folder: Path) -> None:
    (folder / "locked.txt").symlink_to(folder / "locked.txt")
    assert "There is no file or folder" in said(folder / "locked.txt", create=True)[2]
