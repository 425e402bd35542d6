"""How long a search for passages takes among 100,000 of them, and what PostgreSQL does for it.

    .venv/bin/python -m bench.knowledge [--passages 100000] [--calls 50]

Fills one collection and ten small ones with made-up documents of 100 passages, 250 words each, whose words are as unevenly
frequent as those of a language (Zipf's law over 60,000 words, and English's most frequent among them). Then searches as the
tool does, within one process: for two rare words that stand together, for one that half of the passages have, for a question
whose words stand nowhere together, for beginnings of words, for nothing that is there; among all and in one small collection.
The figures go to bench/results/knowledge.json.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentplatform.embedded.stores import running_stores

RESULT = Path(__file__).parent / "results" / "knowledge.json"
FREQUENT = [
    "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not", "he",
    "this", "are", "or", "his", "from", "at", "which", "but", "have", "an", "had",
]  # fmt: skip
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
VOCABULARY = 60_000
PASSAGES_OF_DOCUMENT = 100
WORDS = 250
SMALL = 10
QUERIES = {
    "two words that stand together": "{rare} {rarer}",
    "one word that most passages have": "{common}",
    "a question whose words stand nowhere together": "How much {middling} does the {rare} of a {missing} need in {rarest}?",
    "beginnings of words": "{beginning}",
    "nothing that is there": "{missing} qqqqq",
}


def vocabulary() -> list[str]:
    """Words by their rank: the frequent ones first."""
    made = ("".join(parts) for size in (2, 3) for parts in itertools.product(SYLLABLES, repeat=size))
    words = list(itertools.islice(made, VOCABULARY))
    random.Random(1).shuffle(words)  # noqa: S311  # no secret
    return [*FREQUENT, *words]


def texts(words: list[str], passages: int) -> Iterator[str]:
    """So many texts, always the same."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    source = random.Random(2)  # noqa: S311  # no secret
    for _ in range(passages):
        yield " ".join(source.choices(words, cum_weights=weights, k=WORDS))


def fill(words: list[str], passages: int) -> None:
    """Write the collections, in the way in which a document that was read is written."""
    from agents.knowledge import index
    from agents.knowledge.extraction.splitting import Passage
    from agents.knowledge.models import Collection, Document

    large = Collection.objects.create(name="Large", agents=["general"])
    small = [Collection.objects.create(name=f"Small {number}", agents=["general"]) for number in range(SMALL)]
    source = texts(words, passages)
    for number in range(passages // PASSAGES_OF_DOCUMENT):
        collection = small[number // 100 % SMALL] if number % 100 == 0 else large
        name = f"Document {number}"
        document = Document.objects.create(
            collection=collection, title=name, file_name=name, format="text", size_bytes=1, sha256=str(number),
            status=Document.Status.READY,
        )  # fmt: skip
        cut = itertools.islice(source, PASSAGES_OF_DOCUMENT)
        index.add(
            document,
            [Passage(place, (f"Part {place // 10}",), None, None, 0, 0, text) for place, text in enumerate(cut, 1)],
            [""] * PASSAGES_OF_DOCUMENT,
        )


def timed(scope: Any, query: str, calls: int) -> dict[str, Any]:
    """Median and longest, in milliseconds, and how many passages came."""
    from agents.knowledge.search import search

    taken, found = [], []
    for _ in range(calls):
        began = time.perf_counter()
        found = search(scope, query, 5)
        taken.append((time.perf_counter() - began) * 1000)
    return {"median_ms": round(statistics.median(taken), 1), "most_ms": round(max(taken), 1), "passages": len(found)}


def measured(passages: int, calls: int) -> dict[str, Any]:
    """All the figures."""
    from django.core.management import call_command
    from django.db import connection

    from agents.knowledge.models import Collection, Passage
    from agents.knowledge.search import of_collection, readable_by

    words = vocabulary()
    call_command("migrate", verbosity=0)
    if not Passage.objects.exists():
        began = time.perf_counter()
        fill(words, passages)
        print(f"filled in {time.perf_counter() - began:.0f} s")  # noqa: T201
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE knowledge_passage")
    asked = {
        "common": words[40], "middling": words[300], "rare": words[1000], "rarer": words[1001], "rarest": words[30_000],
        "beginning": words[2000][:4], "missing": "xylophone",
    }  # fmt: skip
    scopes = {
        "all": readable_by("general"),
        "one small collection": of_collection(Collection.objects.get(name="Small 1")),
    }
    found: dict[str, Any] = {
        where: {name: timed(scope, query.format(**asked), calls) for name, query in QUERIES.items()}
        for where, scope in scopes.items()
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size('knowledge_passage'), pg_relation_size('passage_search')")
        found["table_bytes"], found["index_bytes"] = cursor.fetchone()
    return {"passages": passages, **found}


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="Keep the filled database here, and use it again.")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stores(options.folder or Path(folder)) as addresses:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "agentplatform.settings",
            "DATABASE_URL": addresses.database_url or "",
            "REDIS_URL": addresses.redis_url or "",
        }
        import django

        django.setup(set_prefix=False)
        figures = measured(options.passages, options.calls)
    text = json.dumps(figures, indent=2)
    print(text)  # noqa: T201  # what it is for
    options.result.parent.mkdir(exist_ok=True)
    options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
