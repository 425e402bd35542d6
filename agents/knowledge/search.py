"""Finds passages by PostgreSQL's full text search. To be run through `in_database`.

First those that have all words of the query, ranked by how close together they stand, and what is in a title or heading before
the rest. Where none has them all, those that have some, and words count by how rare they are. Where no word is found, words
that begin alike. No query is an error, and none costs more than its bounds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from agents.knowledge.extraction.blocks import plain
from agents.knowledge.index import mark_of
from agents.knowledge.models import Collection, Document, Passage

MAX_QUERY_CHARACTERS = 500
MOST_WORDS = 16
# Ranked of those that have all words; looked at for each word where none has them all.
CANDIDATES = 2_000
A_WORD_CANDIDATES = 500
MIN_BEGINNING = 3
# Of the title, of the headings, of the text: as ts_rank_cd takes them, for D, C, B and A.
WEIGHTS = "{0.2, 0.2, 0.5, 1.0}"
TIMEOUT = "5s"

ALL_WORDS = """
    WITH asked AS MATERIALIZED (SELECT {query} AS query),
    candidate AS MATERIALIZED (
        SELECT id, search FROM knowledge_passage
        WHERE search @@ ({query} && %(marks)s::tsquery) AND collection_id = ANY(%(collections)s) LIMIT %(candidates)s
    )
    SELECT candidate.id FROM candidate, asked
    ORDER BY ts_rank_cd(%(weights)s::float4[], search, query, 1) DESC, id LIMIT %(most)s
"""
"""Normalisation 1 divides by 1 + the logarithm of the passage's length, so that long ones have no advantage."""

# A lexeme as a tsquery takes it, whatever signs are in it.
QUOTED = r"('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''' || %(suffix)s)"
SOME_WORDS = """
    WITH word AS MATERIALIZED (
        SELECT lexeme, {quoted}::tsquery AS query
        FROM ({lexemes}) AS asked WHERE length(lexeme) >= %(least)s
        ORDER BY length(lexeme) DESC, lexeme LIMIT %(most_words)s
    ), hit AS MATERIALIZED (
        SELECT lexeme, found.id FROM word CROSS JOIN LATERAL (
            SELECT id FROM knowledge_passage
            WHERE search @@ (word.query && %(marks)s::tsquery) AND collection_id = ANY(%(collections)s) LIMIT %(candidates)s
        ) AS found
    ), frequency AS (
        SELECT lexeme, count(*) AS times FROM hit GROUP BY lexeme
    ), best AS (
        SELECT id, sum(1 / ln(1.5 + times)) AS score FROM hit JOIN frequency USING (lexeme)
        WHERE times < %(candidates)s OR NOT EXISTS (SELECT FROM frequency WHERE times < %(candidates)s)
        GROUP BY id ORDER BY score DESC LIMIT 10 * %(most)s
    ), together AS (
        SELECT string_agg(query::text, ' | ')::tsquery AS query FROM word
    )
    SELECT id FROM best JOIN knowledge_passage USING (id), together
    ORDER BY round(score, 6) DESC, ts_rank_cd(%(weights)s::float4[], search, query, 1) DESC, id LIMIT %(most)s
"""
"""A word that more passages have than are looked at says little; such words count only where there are no others."""

FOUND = """
    SELECT passage.id, document.id, document.title, passage.number, passage.headings, passage.first_page,
        passage.last_page, passage.text
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS found (id, place)
    JOIN knowledge_passage AS passage USING (id) JOIN knowledge_document AS document ON document.id = passage.document_id
    ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search gave."""

    id: int
    document_id: int
    title: str
    number: int
    headings: str
    first_page: int | None
    last_page: int | None
    text: str

    @classmethod
    def of(cls, passage: Passage) -> "Found":
        """A passage as if a search had given it."""
        return cls(
            passage.pk,
            passage.document_id,
            passage.document.title,
            passage.number,
            passage.headings,
            passage.first_page,
            passage.last_page,
            passage.text,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to search: collections, and the languages that their documents are indexed in."""

    collections: tuple[int, ...]
    languages: tuple[str, ...]


def readable_by(agent: str) -> Scope | None:
    """What the agent of this slug may read; None when no collection names it."""
    return _scope(Collection.objects.filter(agents__contains=[agent]).values_list("pk", "language"))


def of_collection(collection: Collection) -> Scope:
    """One collection alone."""
    return _scope([(collection.pk, collection.language)]) or Scope((), ())


def _scope(collections: Iterable[tuple[int, str]]) -> Scope | None:
    found = dict(collections)
    if not found:
        return None
    own = (
        Document.objects.filter(collection__in=found).exclude(language="").order_by().values_list("language", flat=True)
    )
    return Scope(tuple(sorted(found)), tuple(sorted({*found.values(), *own.distinct()})))


def search(scope: Scope, query: str, most: int) -> list[Found]:
    """The passages that fit the query best, best first. Whatever the query says, it is no error."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT}'")
        for statement, parameters in statements(scope, query, most):
            cursor.execute(statement, parameters)
            if ids := [row[0] for row in cursor.fetchall()]:
                cursor.execute(FOUND, {"ids": ids})
                return [Found(*row) for row in cursor.fetchall()]
    return []


def statements(scope: Scope, query: str, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements to try, one after the other, until one gives ids of passages; with their parameters."""
    parameters = {
        "collections": list(scope.collections),
        "marks": " | ".join(f"'{mark_of(collection)}'" for collection in scope.collections),
        "weights": WEIGHTS,
        "most": most,
        "most_words": MOST_WORDS,
        "asked": plain(query)[:MAX_QUERY_CHARACTERS],
        **{f"language{number}": language for number, language in enumerate(scope.languages)},
    }
    languages = [f"%(language{number})s::regconfig" for number in range(len(scope.languages))]
    whole = " || ".join(f"websearch_to_tsquery({language}, %(asked)s)" for language in languages)
    yield ALL_WORDS.format(query=f"({whole})"), {**parameters, "candidates": CANDIDATES}
    lexemes = " UNION ".join(f"SELECT lexeme FROM unnest(to_tsvector({language}, %(asked)s))" for language in languages)  # noqa: S608  # placeholders
    some = SOME_WORDS.format(lexemes=lexemes, quoted=QUOTED)
    parameters["candidates"] = A_WORD_CANDIDATES
    yield some, {**parameters, "suffix": "", "least": 1}
    yield some, {**parameters, "suffix": ":*", "least": MIN_BEGINNING}
