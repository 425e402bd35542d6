"""docs/troubleshooting.md: what it says you see is what the product says."""

import re
from collections.abc import Iterator

from agentplatform.error_reference import BY_CODE
from tests.docs.markdown import ROOT, codes, read

PAGE = "docs/troubleshooting.md"
SOURCES = ("accounts", "agentplatform", "agents", "feedback")


def sources() -> str:
    """All that can speak, without what a string is wrapped in; and the tests, which say what it says."""
    files = [path for name in SOURCES for path in (ROOT / name).rglob("*.py")]
    files += (ROOT / "tests/agentplatform").glob("*.py")
    text = "\n".join(path.read_text() for path in [*files, ROOT / "deploy.sh", ROOT / "Makefile"])
    return re.sub(r'"\s*\n\s*f?"', "", text)


def quoted() -> Iterator[str]:
    """The fixed parts of the lines in the first table."""
    table = read(PAGE).partition("## It does not start")[2].partition("\n## ")[0]
    for row in table.splitlines():
        if row.startswith("| `"):
            cell = row.split(" | ")[0]
            yield from (
                part for line in re.findall(r"`([^`]+)`", cell) for part in re.split(r" ?… ?", line) if len(part) > 3
            )


def test_every_line_it_quotes_can_be_said() -> None:
    said = sources()
    parts = list(quoted())
    assert len(parts) > 12
    assert [part for part in parts if part.strip() not in said] == []


def test_every_code_it_names_exists() -> None:
    statuses = re.findall(r"\| \d{3} `(\w+)`", read(PAGE))
    assert len(statuses) > 5
    assert set(statuses) <= set(BY_CODE)
    assert "rate_limited" in set(codes(PAGE)) | set(statuses)
