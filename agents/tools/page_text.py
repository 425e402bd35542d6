"""A web page as Markdown. This is a program of its own, run by `web_fetch.py`: a page can be made to take a parser minutes.

It reads a line of JSON with the page's `url` and `charset`, then the page, and writes JSON: its `title` and `text`. It
imports nothing of the platform, so it starts in a fraction of a second.
"""

import codecs
import json
import re
import resource
import sys

MAX_MEMORY_BYTES = 768 * 1024 * 1024
MAX_PROCESSOR_SECONDS = 5
MAX_TEXT_CHARACTERS = 100_000
DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
SNIFFED_BYTES = 1024  # by the HTML standard, a page says in these how it is written
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
NOT_THE_TEXT = [
    "nav", "aside", "footer", "form", "dialog", "iframe", "[role=navigation]", "[role=banner]", "[role=contentinfo]",
    "[role=search]", "[aria-hidden=true]", "a[href^='javascript:']",
]  # fmt: skip


def main() -> None:
    """Read standard input, write standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_PROCESSOR_SECONDS, MAX_PROCESSOR_SECONDS))
    about = json.loads(sys.stdin.buffer.readline())
    title, text = read(sys.stdin.buffer.read(), about["url"], about["charset"])
    json.dump({"title": title, "text": text[:MAX_TEXT_CHARACTERS]}, sys.stdout)


def read(page: bytes, url: str, charset: str) -> tuple[str, str]:
    """The title and the text of a page; relative links are resolved against the URL."""
    import html_to_markdown  # here, so that the platform itself does not load it

    options = html_to_markdown.ConversionOptions(
        preprocessing=html_to_markdown.PreprocessingOptions(preset="standard"),
        exclude_selectors=NOT_THE_TEXT,
        skip_images=True,
        inline_data_media="drop_element",
        compact_tables=True,
        extract_metadata=True,
        base_url=url,
    )
    read = html_to_markdown.convert(decoded(page, charset).replace("\0", ""), options)
    title = read.metadata.document.title or ""
    text = FRONT_MATTER.sub("", read.content or "")
    return " ".join(title.split()), re.sub(r"\n{3,}", "\n\n", text).strip()


def decoded(page: bytes, charset: str) -> str:
    """The page as text, by what the server says of it, else the page, else as UTF-8."""
    declared = DECLARED.search(page[:SNIFFED_BYTES])
    for name in (charset, declared[1].decode() if declared else "", "utf-8"):
        try:
            codec = codecs.lookup(name).name if name else ""
            if codec:
                # By the encoding standard of the web, who says Latin-1 means Windows'.
                return page.decode("cp1252" if codec in ("iso8859-1", "ascii") else codec, errors="replace")
        except (LookupError, UnicodeError, ValueError, TypeError):
            continue
    return page.decode(errors="replace")


if __name__ == "__main__":
    main()
