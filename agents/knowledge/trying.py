"""A search tried in the console: what an agent would get, with the words that were found made visible."""

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.knowledge.citations import mark
from agents.knowledge.extraction.blocks import plain
from agents.knowledge.models import Collection
from agents.knowledge.search import MAX_QUERY_CHARACTERS, QUOTED, Found, of_collection, search

# Characters that mean nothing anywhere; the text between is escaped before they become tags.
BEGINS, ENDS = "\ue000", "\ue001"
SHOWN = re.compile(f"{BEGINS}(.*?){ENDS}", re.DOTALL)
HIGHLIGHTED = f"""
    SELECT passage.id, coalesce(ts_headline(language.name, passage.text, asked.query,
        'HighlightAll=true, StartSel={BEGINS}, StopSel={ENDS}'), passage.text)
    FROM knowledge_passage AS passage
        JOIN knowledge_document AS document ON document.id = passage.document_id
        JOIN knowledge_collection AS collection ON collection.id = document.collection_id
        CROSS JOIN LATERAL (SELECT coalesce(nullif(document.language, ''), collection.language)::regconfig AS name) AS language
        CROSS JOIN LATERAL (
            SELECT string_agg({QUOTED}, ' | ')::tsquery AS query
            FROM unnest(to_tsvector(language.name, %(asked)s))
        ) AS asked
    WHERE passage.id = ANY(%(ids)s)
"""  # noqa: S608  # constants alone


@dataclass(frozen=True, slots=True)
class Tried:
    """A passage that an agent would get, as the console shows it."""

    found: Found
    mark: str
    text: SafeString


def tried(collection: Collection, query: str, most: int) -> list[Tried]:
    """What an agent that reads this collection alone would get for the query."""
    passages = search(of_collection(collection), query, most)
    parameters: dict[str, Any] = {
        "asked": plain(query)[:MAX_QUERY_CHARACTERS], "suffix": ":*", "ids": [found.id for found in passages],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(HIGHLIGHTED, parameters)
        texts = dict(cursor.fetchall())
    return [Tried(found, mark(found), _visible(texts.get(found.id, found.text))) for found in passages]


def _visible(text: str) -> SafeString:
    """The text, escaped, with tags around what stands between the two characters."""
    pieces = SHOWN.split(text)
    pairs = zip(pieces[::2], [*pieces[1::2], ""], strict=True)
    return format_html_join(
        "", "{}{}", ((plain_, format_html("<mark>{}</mark>", hit) if hit else "") for plain_, hit in pairs)
    )
