"""Files as operators upload them: whole ones, and those that do harm."""

import io
import zipfile
import zlib
from collections.abc import Sequence

import docx
from pypdf import PdfWriter

PACKED_ZEROS = 300 * 1024 * 1024


def pdf(*pages: str, bookmarks: Sequence[tuple[str, int]] = (), password: str = "") -> bytes:
    """A PDF with these texts, line by line, on its pages; bookmarks lead to pages, counted from 1."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    places = []
    for text in pages:
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {lines} ET" if text else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        objects.append(page.format(len(objects)))
        places.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(places)}] /Count {len(places)} >>"
    made = _assembled([each.encode("latin-1") for each in objects])
    if not bookmarks and not password:
        return made
    writer = PdfWriter(clone_from=io.BytesIO(made))
    for title, page_number in bookmarks:
        writer.add_outline_item(title=title, page_number=page_number - 1)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _assembled(objects: list[bytes]) -> bytes:
    made, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return made + b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        size, table, size, len(made),
    )  # fmt: skip


def pdf_bomb() -> bytes:
    """A PDF of some hundred KB with a page that says one thing without end."""
    drawing = zlib.compress(b"BT /F1 12 Tf (a) Tj ET\n" * 3_000_000, 9)
    return _assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(drawing), drawing),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 3 0 R /Resources << >> >>",
        ]
    )


def word(*parts: tuple[str, str]) -> bytes:
    """A Word document of paragraphs in these styles: `word(("Heading 1", "Leave"), ("", "Thirty days."))`."""
    document = docx.Document()
    for style, text in parts:
        document.add_paragraph(text, style=style or None)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def word_bomb() -> bytes:
    """A Word document of 300 KB that unpacks to 300 MB."""
    written = io.BytesIO(word(("", "Small.")))
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as packed, packed.open("word/media/x.bin", "w") as member:
        for _ in range(PACKED_ZEROS // 1024 // 1024):
            member.write(bytes(1024 * 1024))
    return written.getvalue()


def entity_bomb() -> bytes:
    """A Word document whose text is made of entities of entities of entities."""
    names = "abcdefgh"
    entities = "".join(
        f'<!ENTITY {name} "{(f"&{before};" if before else "lol") * 10}">'
        for before, name in zip(["", *names], names, strict=False)
    )
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    bomb = (
        f'<?xml version="1.0"?><!DOCTYPE d [{entities}]><w:document xmlns:w="{space}"><w:body><w:p><w:r><w:t>&h;</w:t></w:r>'
        "</w:p></w:body></w:document>"
    )
    kept, written = zipfile.ZipFile(io.BytesIO(word(("", "Small.")))), io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in kept.infolist():
            packed.writestr(member, bomb if member.filename == "word/document.xml" else kept.read(member))
    return written.getvalue()
