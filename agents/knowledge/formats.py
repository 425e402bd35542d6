"""Which kinds of file become documents. A look at the first bytes refuses what is not what its name says; the rest is reading."""

from pathlib import PurePath

from agents.knowledge.extraction.blocks import CannotRead

SUFFIXES = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html",
    ".pdf": "pdf", ".docx": "docx",
}  # fmt: skip
MEDIA_TYPES = {
    "text": "text/plain; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
TAKEN = "Text (.txt), Markdown (.md), HTML (.html), PDF (.pdf) and Word (.docx) are taken."
OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PDF_BEGINS_WITHIN = 1024


def format_of(file_name: str, content: bytes) -> str:
    """The format to read a file in: text, markdown, html, pdf or docx. Raises CannotRead for all else."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CannotRead(f"Files of this kind are not read. {TAKEN}")
    if not content:
        raise CannotRead("It is empty.")
    found = SUFFIXES[suffix]
    if found == "pdf" and b"%PDF-" not in content[:PDF_BEGINS_WITHIN]:
        raise CannotRead("It is no PDF, though its name says so.")
    if found == "docx" and content.startswith(OLD_WORD):
        raise CannotRead("It is protected by a password or of an old kind; save it as .docx without a password.")
    if found == "docx" and not content.startswith(b"PK"):
        raise CannotRead("It is no Word document, though its name says so.")
    return found
