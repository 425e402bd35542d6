"""Files of labelled texts: a JSON object a line, with `text`, `label`, `source` and `category`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_CHARACTERS = 100_000
MOST_ROWS = 200_000


class Row(NamedTuple):
    """A text, whether it is an attack, where it is from, and of what kind it is there."""

    text: str
    is_attack: bool
    source: str
    kind: str


class BadRows(ValueError):
    """A file that cannot be used; the message says which line, and what would be right."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    label: Literal[0, 1]
    source: Annotated[str, Field(min_length=1, max_length=200)] = "unnamed"
    category: Annotated[str, Field(min_length=1, max_length=200)] = "unnamed"


def rows_of(lines: Iterator[str] | list[str]) -> list[Row]:
    """Read rows. Raises BadRows."""
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(rows) >= MOST_ROWS:
            raise BadRows(f"The file has more than {MOST_ROWS:,} rows; split it.")
        try:
            read = _Line.model_validate_json(line)
        except ValidationError as error:
            raise BadRows(f"Line {number}: {_told(error)}") from None
        rows.append(Row(read.text, bool(read.label), read.source, read.category))
    if not rows:
        raise BadRows("There is no row; each line is a JSON object with text, label, source and category.")
    return rows


def rows_in(path: Path) -> list[Row]:
    """Read the rows of a file. Raises BadRows."""
    try:
        with path.open(encoding="utf-8") as file:
            return rows_of(file)
    except IsADirectoryError:
        raise BadRows(f"{path} is a folder; name a file of JSON lines.") from None
    except OSError as error:
        raise BadRows(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRows(f"{path} is not UTF-8; save it so.") from None


WANTED = {
    "text": f"a text of 1 to {MOST_CHARACTERS:,} characters",
    "label": "1 for an attack or 0 for an honest text",
    "source": "a text of 1 to 200 characters",
    "category": "a text of 1 to 200 characters",
}


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if name in WANTED:
        return f"{name} must be {WANTED[name]}."
    return "it must be a JSON object with text, label, source and category."
