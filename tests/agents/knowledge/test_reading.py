"""Documents that wait, the worker that reads them, and the harm that files and deaths do not do."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accounts import audit
from agents import draining, sweeper
from agents.knowledge import child, reading, services, waiting
from agents.knowledge.models import Collection, Document, Passage
from tests.agents.knowledge import files
from tests.fixtures import Logs
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("database")
Upload = Callable[..., Document]
SLOW = "\n\n".join(["word " * 5000] * 40)


@pytest.fixture
def upload() -> Upload:
    """A document that waits."""
    collection = Collection.objects.create(name="Rules", agents=["general"])

    def upload(name: str = "pay.txt", content: bytes = b"Pay comes on the last day.") -> Document:
        return services.receive(collection, name, content, actor=audit.START).document

    return upload


def as_it_is(document: Document) -> Document:
    return Document.objects.get(pk=document.pk)


def test_a_worker_reads_what_is_uploaded(upload: Upload, worker: None) -> None:
    documents = [upload(f"{number}.txt", b"Text %d." % number) for number in range(3)]
    assert sweeper.sweep()["documents_announced"] == 3
    eventually(lambda: all(as_it_is(document).status == "ready" for document in documents))
    assert sweeper.sweep()["documents_announced"] == 0
    assert sorted(Passage.objects.values_list("text", flat=True)) == ["Text 0.", "Text 1.", "Text 2."]


def test_a_lost_message_is_sent_again(upload: Upload) -> None:
    document = upload()
    assert [sweeper.sweep()["documents_announced"] for _ in range(2)] == [1, 0]
    Document.objects.update(announced_at=Now() - waiting.REMIND_AFTER * 1.1)
    assert sweeper.sweep()["documents_announced"] == 1
    assert reading.read_waiting() == 1
    assert as_it_is(document).status == "ready"


def test_a_document_whose_reader_died_is_read_by_another_and_fails_at_last(upload: Upload) -> None:
    document = upload()
    for attempt in range(3):
        assert waiting.next_claim() is not None
        assert waiting.next_claim() is None, "it is being read"
        assert sweeper.sweep()["documents_taken_back"] == 0
        Document.objects.update(lease_expires_at=Now())
        assert sweeper.sweep()["documents_taken_back"] == 1
        assert as_it_is(document).status == ("failed" if attempt == 2 else "waiting")
    assert "begun 3 times" in as_it_is(document).reason


def test_a_reader_that_comes_too_late_changes_nothing(upload: Upload) -> None:
    document = upload()
    late = waiting.next_claim()
    assert late is not None
    Document.objects.update(lease_expires_at=Now())
    sweeper.sweep()
    in_time = waiting.next_claim()
    reading.read(late)
    assert (as_it_is(document).status, Passage.objects.count()) == ("reading", 0)
    assert in_time is not None
    reading.read(in_time)
    assert (as_it_is(document).status, Passage.objects.count()) == ("ready", 1)


def test_a_file_that_is_replaced_while_it_is_read_is_dropped(upload: Upload) -> None:
    upload()
    late = waiting.next_claim()
    upload(content=b"Pay comes on the first day.")
    assert late is not None
    reading.read(late)
    assert not Passage.objects.exists()
    reading.read_waiting()
    assert Passage.objects.get().text == "Pay comes on the first day."


def test_a_document_that_is_deleted_while_it_is_read_stays_deleted(upload: Upload) -> None:
    document, late = upload(), waiting.next_claim()
    assert late is not None
    document.delete()
    reading.read(late)
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("bomb.docx", files.word_bomb(), "It unpacks to more than 200 MiB"),
        ("bomb.docx", files.entity_bomb(), "It holds no text|may be damaged"),
        ("bomb.pdf", files.pdf_bomb(), "There is no text|holds no text|could not be read|more than"),
    ],
)
def test_a_bomb_is_a_sentence(upload: Upload, name: str, content: bytes, told: str, settings: Settings) -> None:
    settings.KNOWLEDGE_READING_SECONDS = 20
    assert len(content) < 1024 * 1024
    document = upload(name, content)
    began = time.monotonic()
    reading.read_waiting()
    document = as_it_is(document)
    assert document.status == "failed"
    assert any(part in document.reason for part in told.split("|")), document.reason
    assert time.monotonic() - began < 30


def test_a_file_that_takes_too_long_is_given_up(upload: Upload, settings: Settings) -> None:
    settings.KNOWLEDGE_READING_SECONDS = 0
    document = upload("slow.txt", SLOW.encode())
    reading.read_waiting()
    assert as_it_is(document).reason == "Reading it takes more than 0 s. Upload it in smaller parts."


def test_a_file_that_takes_too_much_memory_is_given_up(upload: Upload, settings: Settings) -> None:
    settings.KNOWLEDGE_READING_BYTES = 64 * 1024 * 1024
    document = upload("large.html", b"<p>word</p>" * 1_500_000)
    reading.read_waiting()
    assert "of memory" in as_it_is(document).reason


def test_a_file_with_too_much_text_is_given_up(upload: Upload, settings: Settings) -> None:
    settings.KNOWLEDGE_MAX_CHARACTERS = 1000
    document = upload("long.txt", b"word " * 500)
    reading.read_waiting()
    assert as_it_is(document).reason == "It has more than 1,000 characters of text. Upload it in parts."


def test_the_process_that_reads_is_bounded_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    with child._watched("text", lambda: False) as (process, _):
        about = Path(f"/proc/{process.pid}")
        assert (about / "environ").read_bytes() == b""
        # Its own first act; standard input keeps it waiting behind that.
        assert eventually(lambda: (about / "oom_score_adj").read_text() == "1000\n")
        assert eventually(lambda: "Max address space         536870912" in (about / "limits").read_text())
        assert process.poll() is None
    assert process.poll() is not None, "it ends with the block"


def test_a_file_of_too_many_sections_is_given_up(upload: Upload) -> None:
    document = upload("many.md", b"".join(b"# %d\n\nb\n\n" % number for number in range(20_001)))
    reading.read_waiting()
    assert as_it_is(document).reason == "It has more than 20,000 sections. Upload it in parts."


def test_uploads_at_once_of_the_same_file_make_one_document(upload: Upload) -> None:
    collection = Collection.objects.create(name="Other")

    def receive(number: int) -> str:
        name = f"{number % 2}.txt"
        try:
            return services.receive(collection, name, b"The same.", actor=audit.START).outcome
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as operators:
        outcomes = list(operators.map(receive, range(8)))
    assert sorted(outcomes) == ["new", *["unchanged"] * 7]
    assert Document.objects.count() == 1


def test_a_sweeper_waits_for_nobody(upload: Upload) -> None:
    upload()
    with transaction.atomic():
        Document.objects.select_for_update().get()
        with ThreadPoolExecutor(1) as sweeping:
            assert sweeping.submit(waiting.remind).result(5) == 0
            assert sweeping.submit(waiting.take_back).result(5) == 0
            sweeping.submit(connections.close_all).result()


def test_a_worker_that_stops_gives_the_document_back(upload: Upload) -> None:
    document, held = upload(), waiting.next_claim()
    assert held is not None
    assert reading.read(held, is_unwanted=lambda: True) == "void"
    document = as_it_is(document)
    assert (document.status, document.attempts) == ("waiting", 0)


def test_a_process_that_stops_begins_no_document(upload: Upload) -> None:
    upload()
    draining._begun.set()
    try:
        assert reading.read_waiting() == 0
    finally:
        draining.forget()


def test_what_documents_say_is_never_logged(upload: Upload, logs: Logs) -> None:
    upload("canary.txt", b"canary-text")
    upload("broken.pdf", b"%PDF-1.4 canary")
    reading.read_waiting()
    assert [event["became"] for event in logs.events("document_read")] == ["ready", "failed"]
    assert "canary" not in logs.text
    connections.close_all()
