"""Collections of documents, the documents with their files, and the passages that agents find."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Now

from agents.knowledge.languages import LANGUAGES

TITLE_CHARACTERS = 200
HEADINGS_CHARACTERS = 1000


class Collection(models.Model):
    """Documents that belong together, and the agents that may read them. Without an agent, nobody finds anything in it."""

    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=300, blank=True, help_text="What is in it, for operators.")
    language = models.CharField(
        max_length=32,
        choices=LANGUAGES,
        default="english",
        help_text="Of most of its documents: words are found in all their forms. A change reads its documents anew.",
    )
    agents = models.JSONField(default=list, blank=True, help_text="Slugs of the agents that may read it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """One document. A new upload of the same title takes its place: the passages change over when the new file is read."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting to be read"
        READING = "reading", "being read"
        READY = "ready"
        FAILED = "failed"

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="documents", db_index=False)
    title = models.CharField(max_length=TITLE_CHARACTERS, help_text="Answers cite it by this.")
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=16)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    language = models.CharField(
        max_length=32, choices=LANGUAGES, blank=True, help_text="Empty: the collection's."
    )  # fmt: skip
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reason = models.TextField(blank=True, help_text="Why it could not be read, or which part of it.")
    percent = models.PositiveSmallIntegerField(default=0)
    pages = models.PositiveIntegerField(null=True)
    characters = models.PositiveIntegerField(default=0)
    passages_count = models.PositiveIntegerField("passages", default=0)
    suspect_passages = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Passages that read like attacks on an agent."
    )
    uploaded_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.PositiveBigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-uploaded_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("collection", "title"), name="document_of_title"),
            models.UniqueConstraint(fields=("collection", "file_name"), name="document_of_file"),
        ]
        indexes: ClassVar = [
            models.Index(fields=("-uploaded_at", "-id"), name="document_newest"),
            models.Index(
                fields=("status", "uploaded_at"),
                name="document_unread",
                condition=models.Q(status__in=("waiting", "reading")),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class DocumentFile(models.Model):
    """A document's file as it was uploaded, to be read, read again, or looked at. In PostgreSQL, where every process finds it."""

    document = models.OneToOneField(Document, models.CASCADE, primary_key=True, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.document_id)


class Passage(models.Model):
    """A piece of a document that an agent can find and cite. `start` and `end` are characters of the document's text."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="passages", db_index=False)
    # The document's, which does not change: a search then reads one table.
    collection = models.ForeignKey(
        Collection, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )  # fmt: skip
    number = models.PositiveIntegerField()
    headings = models.CharField(max_length=HEADINGS_CHARACTERS, blank=True)
    first_page = models.PositiveIntegerField(null=True)
    last_page = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    guard_rule = models.CharField(
        max_length=64, blank=True, db_default="", help_text="What the guard noted of the text."
    )
    search = SearchVectorField()

    class Meta:
        ordering: ClassVar = ["document", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=("document", "number"), name="passage_of_document")]
        # Not put off to a list that searches would have to read from end to end.
        indexes: ClassVar = [GinIndex(fields=("search",), name="passage_search", fastupdate=False)]

    def __str__(self) -> str:
        return f"{self.document_id}, passage {self.number}"
