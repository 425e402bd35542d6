"""Which passages a query finds, and in which order."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.knowledge import index, search
from agents.knowledge.extraction.splitting import Passage
from agents.knowledge.models import Collection, Document
from tests.agents.knowledge.conftest import Shelve

RULES = {
    "Handbook.md": (
        "# Leave\n\nEverybody has thirty days of holiday a year.\n\n## Parental leave\n\nIt lasts six months; managers are told "
        "eight weeks before.\n\n# Pay\n\nSalaries are paid on the last day of the month, in euros."
    ),
    "Canteen.txt": "Soup is served at noon.\n\nOn holidays the canteen is closed, and managers bring bread.",
    "Travel.txt": "Book trains early. A manager approves trips of more than two days. Receipts are kept for ten years.",
}


@pytest.fixture
def rules(shelve: Shelve) -> Collection:
    return shelve("Rules", RULES, agents=["general"])


def found(collection: Collection, query: str, most: int = 5) -> list[str]:
    """Where the passages stand, best first: title and innermost heading."""
    passages = search.search(search.of_collection(collection), query, most)
    return [f"{passage.title}: {passage.headings.rpartition(' › ')[2]}".removesuffix(": ") for passage in passages]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("salary", ["Handbook: Pay"]),
        ("paying SALARIES", ["Handbook: Pay"]),
        ("parental leave", ["Handbook: Parental leave"]),
        ("leave", ["Handbook: Leave", "Handbook: Parental leave"]),
        ("canteen", ["Canteen"]),
        ('"eight weeks"', ["Handbook: Parental leave"]),
        ("holiday -canteen", ["Handbook: Leave"]),
        ("euros or trains", ["Handbook: Pay", "Travel"]),
    ],
)
def test_passages_with_all_words_are_found(rules: Collection, query: str, expected: list[str]) -> None:
    assert sorted(found(rules, query)) == sorted(expected)


def test_what_stands_in_a_heading_comes_first(rules: Collection) -> None:
    assert found(rules, "canteen or pay")[0] != "Travel"
    assert found(rules, "parental or holiday")[0] == "Handbook: Parental leave"


def test_where_no_passage_has_all_words_rare_ones_count_most(rules: Collection) -> None:
    assert found(rules, "How long does the manager keep receipts in the archive?")[0] == "Travel"
    assert found(rules, "Do managers get soup on Sundays?")[0] == "Canteen"


def test_where_no_word_is_there_those_that_begin_alike_are_found(rules: Collection) -> None:
    assert found(rules, "receip") == ["Travel"]
    assert found(rules, "xylophone") == []
    assert found(rules, "re") == [], "two letters are no beginning"


def test_each_language_knows_its_own_forms(shelve: Shelve) -> None:
    urlaub = {"Urlaub.txt": "Im Sommer wurden die Häuser der Mitarbeiterinnen geschlossen."}
    assert found(shelve("German", urlaub, language="german"), "das Haus") == ["Urlaub"]
    assert found(shelve("Any", urlaub, language="simple"), "Haus") == []
    assert found(shelve("Any", {}, language="simple"), "Häuser") == ["Urlaub"]


def test_documents_of_several_languages_are_searched_at_once(shelve: Shelve) -> None:
    shelve("German", {"Urlaub.txt": "Die Häuser sind geschlossen."}, language="german", agents=["general"])
    shelve("English", {"Leave.txt": "The houses are closed."}, language="english", agents=["general"])
    scope = search.readable_by("general")
    assert scope is not None
    assert scope.languages == ("english", "german")
    assert [passage.title for passage in search.search(scope, "Haus", 5)] == ["Urlaub"]
    assert [passage.title for passage in search.search(scope, "house", 5)] == ["Leave"]


def test_no_more_come_than_are_asked_for(rules: Collection) -> None:
    assert len(found(rules, "manager or holiday or pay", most=2)) == 2


@pytest.mark.parametrize(
    "query",
    [
        "", " ", "the of and", "'; DROP TABLE knowledge_passage; --", "a & | ! ( ) <-> :* 'x", '"unclosed', "\\", "%s %(x)s {x}",
        "\x00\ud800", "-", "--", "#1", "or or or", "-salary", "!!", "🙂", "字" * 600, "word " * 5000, "'a\\'':*",
    ],
)  # fmt: skip
def test_any_text_is_a_query(rules: Collection, query: str) -> None:
    assert len(found(rules, query)) <= 5


@given(query=st.text(max_size=600) | st.text(alphabet="ab'\\\"&|!()<>:*-# \n%", max_size=40))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_text_is_a_query(rules: Collection, query: str) -> None:
    assert len(found(rules, query)) <= 5


@pytest.fixture
def many(rules: Collection) -> Collection:
    """20,000 passages of other documents, half of which speak of receipts."""
    other = Collection.objects.create(name="Other")
    document = Document.objects.create(
        collection=other, title="Other", file_name="other", format="text", size_bytes=1, sha256="", status="ready"
    )
    index.add(document, [Passage(1, (), None, None, 0, 0, "Something about holidays.")], [""])
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO knowledge_passage (document_id, collection_id, number, headings, start, "end", text, search) '
            "SELECT document_id, collection_id, n, '', 0, 0, text, search || to_tsvector('english', 'word' || n || "
            "CASE WHEN n %% 2 = 0 THEN ' receipts' ELSE '' END) FROM knowledge_passage, generate_series(2, 20000) AS n "
            "WHERE document_id = %s",
            [document.pk],
        )
        cursor.execute("ANALYZE knowledge_passage")
    return rules


def test_an_index_finds_them_among_many(many: Collection) -> None:
    for statement, parameters in search.statements(search.of_collection(many), "How are receipts kept?", 5):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN ANALYZE {statement}", parameters)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "passage_search" in plan
        assert "Seq Scan on knowledge_passage" not in plan
    assert found(many, "receipts") == ["Travel"], "those of another collection are not even looked at"
