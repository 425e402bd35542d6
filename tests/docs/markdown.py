"""What the documents consist of, as far as tests look at them: headings, fenced blocks, links and paths in backticks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands and what is in it. `start` and `end` enclose its text in the document."""

    page: str
    line: int
    language: str
    text: str
    start: int
    end: int
    heading: str
    before: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every document of the project, by its path."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md"), *ROOT.glob("clients/**/*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found if "node_modules" not in path.parts)


def read(page: str) -> str:
    """The text of a document."""
    return (ROOT / page).read_text()


def blocks(page: str, *languages: str) -> list[Block]:
    """The page's fenced blocks, those of the languages or all of them."""
    text = read(page)
    found = [
        Block(
            page=page,
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            text=re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            start=match.start("text"),
            end=match.end("text"),
            heading=(["", *HEADING.findall(prose(text[: match.start()]))])[-1],
            before=text[: match.start()].rstrip().rpartition("\n")[2],
        )
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def answer_of(page: str, snippet: Block) -> Block | None:
    """The block right after a snippet that shows what it printed, if there is one."""
    following = next((block for block in blocks(page) if block.start > snippet.end), None)
    if following is None or following.language not in {"json", "text"}:
        return None
    between = read(page)[snippet.end : following.start]
    return following if not re.search(r"^#|</details>|<details>", between, re.MULTILINE) else None


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", text)


def anchors(page: str) -> set[str]:
    """The names that a code host gives the page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower()).replace(" ", "-")
        for heading in HEADING.findall(prose(read(page)))
    }


def links(page: str) -> Iterator[str]:
    """Where the page's links and images lead to."""
    yield from LINK.findall(prose(read(page)))


def codes(page: str) -> Iterator[str]:
    """What stands in backticks in the page's prose."""
    yield from CODE.findall(prose(read(page)))
