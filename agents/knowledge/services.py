"""What happens to documents, in domain words: they come in, are replaced, read again, and go."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts import audit
from agents.knowledge.extraction.blocks import CannotRead, flowing
from agents.knowledge.formats import format_of
from agents.knowledge.models import TITLE_CHARACTERS, Collection, Document, DocumentFile

Status = Document.Status
FILE_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an uploaded file."""

    document: Document
    outcome: Literal["new", "replaced", "unchanged"]


def receive(
    collection: Collection, file_name: str, content: bytes, *, actor: audit.Actor, language: str = ""
) -> Received:
    """Take a file in: as a new document, in the place of the one of its name or title, or not at all if it is there already.

    It is found once it is read; until then agents find what it replaces. Raises CannotRead.
    """
    file_name = _clean(file_name)[-FILE_NAME_CHARACTERS:]
    if len(content) > settings.KNOWLEDGE_MAX_FILE_BYTES:
        raise too_large(len(content))
    format_ = format_of(file_name, content)
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        # One upload at a time into a collection, so that two of the same file make one document.
        Collection.objects.select_for_update().get(pk=collection.pk)
        if same := _same(collection, digest):
            return Received(same, "unchanged")
        document = _replaced(collection, file_name)
        before = audit.snapshot(document)
        facts = {"file_name": file_name, "format": format_, "size_bytes": len(content), "sha256": digest}
        if document is None:
            document = Document.objects.create(
                collection=collection, title=title_of(file_name), language=language, **facts
            )
        else:
            kept = {"language": language or document.language, "uploaded_at": Now()}
            Document.objects.filter(pk=document.pk).update(**facts, **kept, **_waiting())
            document.refresh_from_db()
        DocumentFile.objects.update_or_create(document=document, defaults={"content": content})
        audit.record(actor, "replaced" if before else "uploaded", document, before=before)
    return Received(document, "replaced" if before else "new")


def read_again(document: Document, *, actor: audit.Actor) -> None:
    """Have the document's file read anew: after a failure, or for another language. Its passages stay until that is done."""
    with transaction.atomic():
        before = audit.snapshot(Document.objects.select_for_update().get(pk=document.pk))
        Document.objects.filter(pk=document.pk).update(**_waiting())
        document.refresh_from_db()
        audit.record(actor, "read again", document, before=before)


def read_all_again(collection: Collection) -> int:
    """Have the documents read anew that are in the collection's own language, which has changed. Returns how many."""
    return collection.documents.filter(language="").update(**_waiting())


@transaction.atomic
def delete_collection(collection: Collection, *, actor: audit.Actor) -> None:
    """Delete a collection with its documents. From this moment nobody finds anything in it."""
    for subject in (*collection.documents.all(), collection):
        audit.record(actor, "deleted", subject, before=audit.snapshot(subject))
    collection.delete()


def too_large(size_bytes: int) -> CannotRead:
    """What to say of a file of so many bytes, which are more than may be."""
    most = settings.KNOWLEDGE_MAX_FILE_BYTES
    return CannotRead(f"It has {_megabytes(size_bytes)}; at most {_megabytes(most)} are taken. Upload it in parts.")


def title_of(file_name: str) -> str:
    """What a document of this name is called until somebody gives it a better title."""
    path = PurePath(file_name)
    return str(path.with_suffix(""))[:TITLE_CHARACTERS].strip() or file_name[:TITLE_CHARACTERS]


def _same(collection: Collection, digest: str) -> Document | None:
    """The document of just this file, unless it could not be read: then the file is tried again."""
    return collection.documents.filter(sha256=digest).exclude(status=Status.FAILED).first()


def _replaced(collection: Collection, file_name: str) -> Document | None:
    documents = collection.documents.select_for_update()
    return documents.filter(file_name=file_name).first() or documents.filter(title=title_of(file_name)).first()


def _waiting() -> dict[str, Any]:
    """What the columns of a document say that waits to be read. Whoever reads it now holds an old token, and does so in vain."""
    return {
        "status": Status.WAITING,
        "reason": "",
        "percent": 0,
        "attempts": 0,
        "lease_token": F("lease_token") + 1,
        "lease_expires_at": None,
        "announced_at": None,
    }


def _clean(name: str) -> str:
    return " ".join(flowing(name).split())


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"
