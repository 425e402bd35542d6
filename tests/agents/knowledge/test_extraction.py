"""Files of each kind, read by the process that reads files."""

import re
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from agents.knowledge.child import Extracted, extract
from agents.knowledge.extraction import html, markdown, pdf, plain_text, word
from agents.knowledge.extraction.blocks import CannotRead, outlined
from agents.knowledge.extraction.sources import Caps
from agents.knowledge.extraction.splitting import passages
from tests.agents.knowledge import files

Read = Callable[[str, bytes | str], Extracted]


@pytest.fixture
def read() -> Read:
    def read(format_: str, content: bytes | str) -> Extracted:
        given = content.encode() if isinstance(content, str) else content
        return extract(format_, given, on_percent=lambda _: None, is_unwanted=lambda: False)

    return read


def outline(extracted: Extracted) -> list[tuple[str, str]]:
    return [(" / ".join(passage.headings), passage.text) for passage in extracted.passages]


def test_text_is_divided_by_blank_lines(read: Read) -> None:
    assert outline(read("text", "One\n two.\r\n\r\n \n\nThree.\u200b")) == [("", "One\ntwo.\n\nThree.")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_its_encoding(read: Read, encoding: str) -> None:
    assert outline(read("text", "Grüße".encode(encoding))) == [("", "Grüße")]


def test_markdown_keeps_its_form_under_its_headings(read: Read) -> None:
    written = (
        "---\ntitle: x\n---\nBefore.\n\n# Leave *now*\n\n- one\n- two\n\n```\n# no heading\n```\n\nParental\n---\n\n| a | b |\n"
        "|---|---|\n| 1 | 2 |\n\n# Pay\n"
    )
    assert outline(read("markdown", written)) == [
        ("", "Before."),
        ("Leave now", "- one\n- two\n\n```\n# no heading\n```"),
        ("Leave now / Parental", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("", "Pay"),
    ]


def test_html_is_read_as_it_is_seen(read: Read) -> None:
    page = (
        "<html><head><title>No</title><style>no</style></head><body><nav>no</nav><h1>Leave</h1><p>Thirty\ndays<br>a <b>year</b>."
        "</p><p style='display: none'>no</p><span hidden>no</span><table><tr><td>1</td><td>2</td></tr></table>"
        "<pre>if x:\n    y</pre><script>no</script><h2>Parental</h2>Six&nbsp;months.<!-- no --></body></html>"
    )
    assert outline(read("html", page)) == [
        ("Leave", "Thirty days\na year.\n\n1 | 2 |\n\nif x:\n    y"),
        ("Leave / Parental", "Six months."),
    ]


def test_html_is_read_in_the_encoding_that_it_declares(read: Read) -> None:
    assert outline(read("html", "<meta charset='latin-1'><p>Grüße".encode("latin-1"))) == [("", "Grüße")]
    assert outline(read("html", "<p>Grüße")) == [("", "Grüße")]


def test_word_is_read_by_its_styles(read: Read) -> None:
    written = files.word(("Title", "Rules"), ("Heading 1", "Leave"), ("", "Thirty days."), ("List Bullet", "One."))
    assert outline(read("docx", written)) == [("", "Rules"), ("Leave", "Thirty days.\n\nOne.")]


def test_a_pdf_is_read_page_by_page(read: Read) -> None:
    extracted = read("pdf", files.pdf("Thirty days.", "", "Paren-\ntal leave\nlasts."))
    [passage] = extracted.passages
    assert (passage.text, passage.first_page, passage.last_page) == ("Thirty days.\n\nParental leave\nlasts.", 1, 3)
    assert extracted.pages == 3
    assert extracted.remark == "There is no text on page 2: empty, or a picture of text."


def test_a_pdfs_bookmarks_are_its_headings(read: Read) -> None:
    written = files.pdf(
        "Welcome.\n1 Leave\nThirty days.", "2.1 Parental\nSix months.", bookmarks=[("Leave", 1), ("2.1 Parental", 2)]
    )
    assert outline(read("pdf", written)) == [
        ("", "Welcome."),
        ("Leave", "Thirty days."),
        ("2.1 Parental", "Six months."),
    ]


PDF, WORD = files.pdf("Thirty days.", "Six months."), files.word(("Heading 1", "Leave"), ("", "Thirty days."))
PROTECTED = "protected by a password"


@pytest.mark.parametrize(
    ("format_", "content", "told"),
    [
        ("text", b"\xff\xfe\xfa\x00\x81", "not text in UTF-8"),
        ("text", b"a\x00b", "not text but binary data"),
        ("markdown", "Grüße".encode("latin-1"), "not text in UTF-8"),
        ("html", b"\x00\x01\x02", "not text but binary data"),
        ("html", b"<html></html>", "no text"),
        ("html", b"<div>" * 5000 + b"deep", "nested too deeply"),
        ("text", b" \n \n", "no text"),
        ("pdf", b"%PDF-1.4 and then nothing", "no PDF that can be read"),
        ("pdf", files.pdf("Whole.")[:250], "no PDF that can be read"),
        ("pdf", files.pdf("", ""), "no text"),
        ("pdf", files.pdf("Secret.", password="hunter2"), PROTECTED),
        ("docx", b"PK\x03\x04 and then nothing", "no Word document that can be read"),
        ("docx", files.word(("", "Whole."))[:2000], "no Word document that can be read"),
        ("docx", files.word(), "no text"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(read: Read, format_: str, content: bytes, told: str) -> None:
    with pytest.raises(CannotRead, match=told):
        read(format_, content)


def test_a_pdf_that_only_forbids_copying_is_read(read: Read) -> None:
    writer, written = PdfWriter(clone_from=BytesIO(files.pdf("Open to all."))), BytesIO()
    writer.encrypt(user_password="", owner_password="x", algorithm="RC4-128")
    writer.write(written)
    assert outline(read("pdf", written.getvalue())) == [("", "Open to all.")]


def test_html_of_any_depth_that_is_read_is_read_whole(read: Read) -> None:
    nested = "<div>" * 1500 + "deep" + "</div>" * 1500 + "<p>after"
    assert outline(read("html", nested)) == [("", "deep\n\nafter")]


@given(st.binary(max_size=500) | st.text(max_size=300).map(str.encode), st.sampled_from([plain_text, markdown, html]))
def test_any_bytes_are_read_or_refused_with_a_sentence(content: bytes, format_: Any) -> None:
    with suppress(CannotRead):
        for passage in passages(outlined(format_.read(content, Caps(pages=10, characters=10_000)).parts)):
            assert passage.text.strip()
            assert not re.search("[\x00-\x08\u200b\u202e\U000e0041\ud800-\udfff]", passage.text)


@given(st.integers(0, 1200), st.binary(min_size=1, max_size=8), st.sampled_from([(pdf, PDF), (word, WORD)]))
@settings(max_examples=60)
def test_any_damage_is_read_or_refused_with_a_sentence(place: int, damage: bytes, file: tuple[Any, bytes]) -> None:
    reader, whole = file
    with suppress(CannotRead):
        list(reader.read(whole[:place] + damage + whole[place + len(damage) :], Caps(10, 10_000)).parts)
