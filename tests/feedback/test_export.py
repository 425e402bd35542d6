"""`manage.py exportfeedback`."""

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from feedback.models import Feedback
from tests.api import Persona
from tests.feedback.conftest import Give
from tests.outages import postgres_away


def exported(*options: object) -> str:
    """What the command writes to stdout, called with these options."""
    output = StringIO()
    call_command("exportfeedback", *map(str, options), stdout=output, stderr=StringIO())
    return output.getvalue()


def ids(lines: str) -> list[str]:
    return [json.loads(line)["task_id"] for line in lines.splitlines()]


def test_it_writes_a_json_object_a_line(alice: Persona, give: Give) -> None:
    task_id = give(alice, 4, comment="Two\nlines.", tags=["a", "b"], correction="Née")

    row = json.loads(exported())

    assert row.pop("created_at") == row.pop("updated_at")
    assert row == {
        "task_id": task_id,
        "client": "Wonderland",
        "agent_type": "general",
        "agent_version": 1,
        "model": row["model"],
        "rating": 4,
        "comment": "Two\nlines.",
        "tags": ["a", "b"],
        "correction": "Née",
    }


def test_it_writes_the_oldest_first(alice: Persona, charlie: Persona, give: Give) -> None:
    given = [give(alice, 1), give(charlie, 2), give(alice, 3)]

    assert ids(exported()) == given


def test_it_writes_csv(alice: Persona, give: Give) -> None:
    give(alice, 2, comment='He said: "no",\nand left.', tags=["rude", "short"])

    rows = list(csv.DictReader(StringIO(exported("--format", "csv"))))

    assert [(row["rating"], row["comment"], row["tags"]) for row in rows] == [
        ("2", 'He said: "no",\nand left.', "rude|short")
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_it_lets_no_client_run_a_formula_in_a_spreadsheet(alice: Persona, give: Give, start: str) -> None:
    give(alice, comment=f"{start}cmd", tags=[f"{start}x"], correction="1 - 1")

    row = next(csv.DictReader(StringIO(exported("--format", "csv"))))

    assert (row["comment"], row["tags"], row["correction"]) == (f"'{start}cmd", f"'{start}x", "1 - 1")


def test_it_writes_a_header_and_nothing_else_when_there_is_none(database: object) -> None:
    assert exported() == ""
    assert exported("--format", "csv").startswith("task_id,client,agent_type,")


def test_it_writes_what_was_said_since(alice: Persona, give: Give) -> None:
    old, new = give(alice), give(alice)
    Feedback.objects.filter(task_id=old).update(updated_at=datetime(2026, 11, 1, 11, 59, tzinfo=UTC))
    Feedback.objects.filter(task_id=new).update(updated_at=datetime(2026, 11, 1, 12, tzinfo=UTC))

    assert ids(exported("--since", "2026-11-01T12:00")) == [new]
    assert ids(exported("--since", "2026-11-01T13:00:00+01:00")) == [new]
    assert ids(exported("--since", "2026-11-01")) == [old, new]
    assert ids(exported("--since", "2026-11-02")) == []


def test_it_writes_what_was_said_of_one_agent(alice: Persona, give: Give) -> None:
    give(alice)
    of_writer = give(alice, agent_type="writer")

    assert ids(exported("--agent-type", "writer")) == [of_writer]


def test_it_names_the_agents_there_are(database: object) -> None:
    with pytest.raises(CommandError, match=r"there is no 'poet'; there are .*general.*writer"):
        exported("--agent-type", "poet")


def test_it_says_what_a_date_looks_like(database: object) -> None:
    with pytest.raises(CommandError, match="'yesterday' is no date; 2026-11-01 is"):
        exported("--since", "yesterday")


def test_it_replaces_a_file_at_once(alice: Persona, give: Give, tmp_path: Path) -> None:
    task_id = give(alice)
    target = tmp_path / "feedback.jsonl"
    target.write_text("before")

    assert exported("--output", target) == ""

    assert ids(target.read_text()) == [task_id]
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_mode & 0o077 == 0


def test_it_leaves_the_file_as_it_was_when_it_fails(database: object, tmp_path: Path) -> None:
    target = tmp_path / "feedback.jsonl"
    target.write_text("before")

    with postgres_away(), pytest.raises(CommandError, match="The database cannot be reached"):
        exported("--output", target)

    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("place", [".", "missing/feedback.jsonl"])
def test_it_says_where_it_cannot_write(database: object, tmp_path: Path, place: str) -> None:
    with pytest.raises(CommandError, match=r"--output: .*(no ordinary file|No such file or directory)"):
        exported("--output", tmp_path / place)


def test_it_stops_quietly_when_its_reader_does(alice: Persona, give: Give) -> None:
    give(alice)
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "wb") as closed:
        command = [sys.executable, "manage.py", "exportfeedback"]
        done = subprocess.run(command, cwd=settings.BASE_DIR, stdout=closed, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
