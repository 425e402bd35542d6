"""Passages as PostgreSQL searches them: the words of title, headings and text, weighted in this order.

Beside them stands a mark of the collection, which no text can hold. So one index answers which passages of some collections
have some words, however many others have them too.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from agents.knowledge.extraction.splitting import Passage
from agents.knowledge.models import HEADINGS_CHARACTERS, Document

BATCH = 500
HEADINGS_BETWEEN = " › "
INSERT = """
    INSERT INTO knowledge_passage
        (document_id, collection_id, number, headings, first_page, last_page, start, "end", text, guard_rule,
         search)
    SELECT %(document)s, %(collection)s, piece.number, piece.headings, piece.first_page, piece.last_page, piece.start,
        piece.end, piece.text, piece.guard_rule,
        array_to_tsvector(ARRAY[%(mark)s]) || setweight(to_tsvector(%(language)s::regconfig, %(title)s), 'A')
        || setweight(to_tsvector(%(language)s::regconfig, piece.headings), 'B')
        || to_tsvector(%(language)s::regconfig, piece.text)
    FROM unnest(%(numbers)s::int[], %(headings)s::text[], %(first_pages)s::int[], %(last_pages)s::int[],
        %(starts)s::int[], %(ends)s::int[], %(texts)s::text[], %(guard_rules)s::text[])
        AS piece (number, headings, first_page, last_page, start, "end", text, guard_rule)
"""
RETITLE = """
    UPDATE knowledge_passage SET search =
        array_to_tsvector(ARRAY[%(mark)s]) || setweight(to_tsvector(%(language)s::regconfig, %(title)s), 'A')
        || setweight(to_tsvector(%(language)s::regconfig, headings), 'B') || to_tsvector(%(language)s::regconfig, text)
    WHERE document_id = %(document)s
"""


def add(document: Document, passages: Sequence[Passage], guard_rules: Sequence[str]) -> None:
    """Write the passages of a document that has none, each with what the guard noted of it."""
    with connection.cursor() as cursor:
        for begin in range(0, len(passages), BATCH):
            batch = slice(begin, begin + BATCH)
            noted = {"guard_rules": list(guard_rules[batch])}
            cursor.execute(INSERT, _facts(document) | _columns(passages[batch]) | noted)


def retitle(document: Document) -> None:
    """Let its passages be found by the document's new title."""
    with connection.cursor() as cursor:
        cursor.execute(RETITLE, _facts(document))


def mark_of(collection_id: int) -> str:
    """What the words of all passages of a collection have among them. PostgreSQL's parser makes no word with this sign."""
    return f"#{collection_id}"


def _facts(document: Document) -> dict[str, Any]:
    return {
        "document": document.pk,
        "collection": document.collection_id,
        "mark": mark_of(document.collection_id),
        "title": document.title,
        "language": document.language or document.collection.language,
    }


def _columns(passages: Sequence[Passage]) -> dict[str, Any]:
    return {
        "numbers": [passage.number for passage in passages],
        "headings": [HEADINGS_BETWEEN.join(passage.headings)[:HEADINGS_CHARACTERS] for passage in passages],
        "first_pages": [passage.first_page for passage in passages],
        "last_pages": [passage.last_page for passage in passages],
        "starts": [passage.start for passage in passages],
        "ends": [passage.end for passage in passages],
        "texts": [passage.text for passage in passages],
    }
