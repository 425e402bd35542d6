"""Documents cut into passages."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agents.knowledge.extraction.blocks import Block
from agents.knowledge.extraction.splitting import BETWEEN, ENOUGH, MOST, OVERLAP, UNIT, Passage, passages

SENTENCE = "Rain fell on the hills and on the town below. "
# Words, sentences, code, and languages without spaces; some short, some much longer than a passage.
texts = st.one_of(
    st.text(min_size=1, max_size=200),
    st.integers(1, 1500).map(lambda number: "word " * number),
    st.integers(1, 300).map(lambda number: SENTENCE * number),
    st.integers(1, 9000).map(lambda number: "字" * number),
).filter(str.strip)
blocks = st.lists(
    st.builds(
        Block,
        texts,
        st.lists(st.sampled_from(["Leave", "Pay"]), max_size=2).map(tuple),
        st.none() | st.integers(1, 9),
    ),
    max_size=12,
)


def whole(document: list[Block]) -> str:
    return BETWEEN.join(block.text for block in document)


@given(blocks)
def test_together_they_have_all_of_the_text(document: list[Block]) -> None:
    text, cut = whole(document), list(passages(document))
    assert [passage.number for passage in cut] == list(range(1, len(cut) + 1))
    assert all(passage.text == text[passage.start : passage.end] for passage in cut)
    ends = [(0, 0), *((passage.start, passage.end) for passage in cut), (len(text), len(text))]
    for (_, end), (start, _) in pairwise(ends):
        assert text[end:start] in ("", BETWEEN), "between two passages is nothing but a blank line"


@given(blocks)
def test_each_is_of_a_good_size_and_under_one_heading(document: list[Block]) -> None:
    headings_at = dict(zip(_starts(document), document, strict=True))
    for passage in passages(document):
        assert len(UNIT.findall(passage.text)) <= MOST + passage.text.count(BETWEEN)
        within = [block for start, block in headings_at.items() if passage.start <= start < passage.end]
        assert {block.headings for block in within} <= {passage.headings}


@given(blocks)
def test_the_same_text_gives_the_same_passages(document: list[Block]) -> None:
    assert list(passages(document)) == list(passages(document))


def _starts(document: list[Block]) -> list[int]:
    starts, start = [], 0
    for block in document:
        starts.append(start)
        start += len(block.text) + len(BETWEEN)
    return starts


def cut(*document: Block) -> list[Passage]:
    return list(passages(document))


def test_a_long_paragraph_is_cut_between_sentences_and_the_parts_overlap() -> None:
    first, second, *_ = cut(Block(SENTENCE * 100))
    assert ENOUGH <= len(first.text.split()) <= MOST
    assert first.text.endswith("below. ")
    assert second.text.startswith("Rain fell")
    assert 0 < len(SENTENCE.split()) <= (first.end - second.start) / len(SENTENCE) * 10 <= OVERLAP


def test_short_paragraphs_are_put_together_as_long_as_there_is_room() -> None:
    document = [Block(f"{'word ' * 60}end{number}") for number in range(8)]
    assert [passage.text.count("end") for passage in cut(*document)] == [4, 4]


def test_a_passage_says_which_pages_it_is_from() -> None:
    [passage] = cut(Block("One.", page=3), Block("Two.", page=3), Block("Three.", page=4))
    assert (passage.first_page, passage.last_page) == (3, 4)


def test_a_new_heading_begins_a_new_passage() -> None:
    leave, parental = cut(Block("Thirty days.", ("Leave",)), Block("Six months.", ("Leave", "Parental")))
    assert (leave.text, parental.text) == ("Thirty days.", "Six months.")
