"""Reads documents that wait: their files become passages, all at once or not at all.

One at a time in a process, by a child of it that may be killed; so a file that explodes takes nothing along.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

from django.db import IntegrityError, transaction

from agentplatform.logs import log
from agents import draining
from agents.guards import injection
from agents.knowledge import index, waiting
from agents.knowledge.child import Extracted, Interrupted, extract
from agents.knowledge.extraction.blocks import CannotRead
from agents.knowledge.models import Document, DocumentFile

Became = Literal["ready", "failed", "void"]
TELL_SECONDS = 1.0

_reading = threading.Lock()


def read_waiting() -> int:
    """Read what waits until nothing does, unless this process does so already. Returns how many."""
    if not _reading.acquire(blocking=False):
        return 0
    try:
        count = 0
        while not draining.has_begun() and (held := waiting.next_claim()):
            became = read(held, is_unwanted=draining.has_begun)
            log(__name__).info("document_read", document_id=held.document_id, became=became)
            count += 1
        return count
    finally:
        _reading.release()


def read(held: waiting.Claim, *, is_unwanted: Callable[[], bool] = lambda: False) -> Became:
    """Read one document, unless it is deleted, replaced or unwanted meanwhile; says what became of it."""
    file = DocumentFile.objects.select_related("document").filter(pk=held.document_id).first()
    if file is None:
        return "void"  # it was deleted meanwhile
    document, content = file.document, bytes(file.content)
    teller = _Teller(held)
    try:
        extracted = extract(
            document.format, content, on_percent=teller, is_unwanted=lambda: teller.is_void or is_unwanted()
        )
    except CannotRead as error:
        waiting.fail(held, error)
        return "failed"
    except Interrupted:
        waiting.give_back(held)
        return "void"
    except KeyboardInterrupt:
        waiting.give_back(held)
        raise
    return "ready" if _keep(held, document.pk, extracted) else "void"


class _Teller:
    """Says once a second how far the reading is, and learns by that when it is in vain."""

    def __init__(self, held: waiting.Claim) -> None:
        self.is_void = False
        self._held = held
        self._told_at = time.monotonic()

    def __call__(self, percent: int) -> None:
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self.is_void = not waiting.tell(self._held, percent)
            self._told_at = time.monotonic()


def _keep(held: waiting.Claim, document_id: int, extracted: Extracted) -> bool:
    """Let agents find the new passages instead of the old ones; False, and nothing is changed, when the claim is void.

    The guard reads each for operators to see. It keeps none back: a handbook of security may quote attacks, and what an agent
    is given is read once more, with the mode that holds for its task.
    """
    found = [injection.check(passage.text) for passage in extracted.passages]
    rules = ["" if verdict.verdict == "pass" else verdict.rule for verdict in found]
    try:
        with transaction.atomic():
            # As it is called now, not as it was when the reading began.
            document = Document.objects.select_related("collection").get(pk=document_id)
            document.passages.all().delete()
            index.add(document, extracted.passages, rules)
            # Last, so that the document is locked for no longer than this takes.
            if not waiting.done(held, extracted, suspect_passages=sum(map(bool, rules))):
                raise Interrupted
    except (Document.DoesNotExist, IntegrityError, Interrupted):
        return False  # deleted, being written by another, or taken by another
    return True
