"""Documents that wait to be read: who takes the next, and what becomes of those whose reader went away.

A message to the workers is only a hint that some wait. The sweeper sends it, so one that got lost is made up for in seconds.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from agentplatform.celery import app
from agents.knowledge.child import Extracted
from agents.knowledge.extraction.blocks import CannotRead
from agents.knowledge.models import Document

JOB = "knowledge.read_documents"
REMIND_AFTER = timedelta(seconds=15)
# Beyond the time that reading may take: for the passages to be written.
TO_WRITE = timedelta(seconds=60)
MAX_ATTEMPTS = 3
BATCH = 1000
Status = Document.Status


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to read a document, until the lease ends or a new upload makes it void."""

    document_id: int
    token: int


def next_claim() -> Claim | None:
    """Take the document that has waited longest; None when none waits."""
    with transaction.atomic():
        waiting = Document.objects.filter(status=Status.WAITING).order_by("uploaded_at", "pk")
        document = waiting.select_for_update(skip_locked=True).first()
        return None if document is None else _claimed(document)


def claim(document: Document) -> Claim | None:
    """Take this document, if it waits."""
    with transaction.atomic():
        row = Document.objects.select_for_update().filter(pk=document.pk, status=Status.WAITING).first()
        return None if row is None else _claimed(row)


def _claimed(document: Document) -> Claim:
    token = document.lease_token + 1
    lease = timedelta(seconds=settings.KNOWLEDGE_READING_SECONDS) + TO_WRITE
    Document.objects.filter(pk=document.pk).update(
        status=Status.READING,
        lease_token=token,
        lease_expires_at=Now() + lease,
        attempts=F("attempts") + 1,
        percent=0,
    )
    return Claim(document.pk, token)


def tell(held: Claim, percent: int) -> bool:
    """Say how far it is; False when the claim is void."""
    return bool(held_by(held).update(percent=percent))


def give_back(held: Claim) -> None:
    """Let another read it: this process stops."""
    held_by(held).update(status=Status.WAITING, lease_expires_at=None, announced_at=None, attempts=F("attempts") - 1)


def done(held: Claim, extracted: Extracted, *, suspect_passages: int) -> bool:
    """Say that it is read, and what was found; False when the claim is void."""
    read = held_by(held).update(
        status=Status.READY,
        reason=extracted.remark,
        percent=100,
        pages=extracted.pages,
        characters=extracted.characters,
        passages_count=len(extracted.passages),
        suspect_passages=suspect_passages,
        read_at=Now(),
        lease_expires_at=None,
    )
    return bool(read)


def fail(held: Claim, reason: CannotRead) -> None:
    """Say why it cannot be read. What it said before stays in use."""
    held_by(held).update(status=Status.FAILED, reason=str(reason), lease_expires_at=None)


def held_by(held: Claim) -> QuerySet[Document]:
    """The document, if the claim is still good."""
    return Document.objects.filter(pk=held.document_id, status=Status.READING, lease_token=held.token)


def take_back() -> int:
    """Let those wait again whose reader went away, or fail after three. Returns how many."""
    with transaction.atomic():
        gone = _free(Document.objects.filter(status=Status.READING, lease_expires_at__lt=Now()))
        failed = gone.filter(attempts__gte=MAX_ATTEMPTS).update(
            status=Status.FAILED,
            reason=f"Reading it was begun {MAX_ATTEMPTS} times, and each time the process that did so went away.",
            lease_expires_at=None,
        )
        again = gone.filter(status=Status.READING)
        return failed + again.update(status=Status.WAITING, lease_expires_at=None, announced_at=None)


def remind() -> int:
    """Tell the workers, if documents wait that nobody told them of lately. Returns how many.

    Raises kombu's OperationalError when the broker cannot be reached.
    """
    is_untold = Q(announced_at=None) | Q(announced_at__lt=Now() - REMIND_AFTER)
    with transaction.atomic():
        told = _free(Document.objects.filter(is_untold, status=Status.WAITING)).update(announced_at=Now())
    if told:
        app.send_task(JOB, queue=settings.CELERY_TASK_DEFAULT_QUEUE, retry=False)
    return told


def _free(documents: QuerySet[Document]) -> QuerySet[Document]:
    """These documents, now locked, without those that others have locked: no sweeper waits for anybody."""
    locked = documents.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH]
    return Document.objects.filter(pk__in=list(locked))
