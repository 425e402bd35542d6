"""What `agentctl` writes: answers to standard output, everything else to standard error."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentplatform_client.cli.exits import OutputFailed
from agentplatform_client.models import Model, Task

KEPT = "\n\t"
LEAST_WIDTH = 20


def printable(text: str) -> str:
    """Text without control characters, which could steer the reader's terminal."""
    return "".join(
        character if character in KEPT or character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def one_line(text: object, most: int = 160) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(printable(str(text)).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def write(text: str) -> None:
    """Write to standard output at once. Raises OutputFailed."""
    # What goes to a file or another program stays as it came.
    text = printable(text) if sys.stdout.isatty() else text
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up()
        raise OutputFailed("The reader of the output has gone.") from None
    except OSError as error:
        _give_up()
        raise OutputFailed(f"The output cannot be written: {error.strerror}.") from None


def write_json(value: Model | Sequence[Model]) -> None:
    """Write one line of JSON for each value, with all that the server sent."""
    for each in [value] if isinstance(value, Model) else value:
        write(json.dumps(each.model_dump(mode="json", by_alias=True), ensure_ascii=False) + "\n")


def write_result(task: Task) -> None:
    """Write the task's result: its text, or JSON laid out for reading."""
    result = task.result
    if result is not None:
        write((result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, indent=2)) + "\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on a terminal; elsewhere lines with tabs, for programs."""
    if not sys.stdout.isatty():
        for row in rows:
            write("\t".join(one_line("" if cell is None else cell, 10_000) for cell in row) + "\n")
        return
    cells = [["" if cell is None else one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[number]) for row in [columns, *cells]) for number in range(len(columns))]
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for name, width in zip(columns[:-1], widths[:-1], strict=True):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column(columns[-1], overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console()
    # An id that is cut off is of no use: where the terminal is narrow the last column gives way, and then lines wrap.
    console.width = max(console.width, sum(widths[:-1]) + 2 * len(widths) + min(widths[-1], LEAST_WIDTH))
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write(captured.get())
    sys.stdout.flush()


def complain(line: str) -> None:
    """One line about what went wrong, to standard error, if that still takes it."""
    with contextlib.suppress(OSError, ValueError):
        print(f"agentctl: {one_line(line, 2000)}", file=sys.stderr, flush=True)  # noqa: T201  # a command's words


def _give_up() -> None:
    """Have Python not try again at its end what failed just now."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
