"""`manage.py tail`: a task's journal as it is written."""

import json
import threading
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

SECRET = "the moon is made of cheese"


def tail(task_id: str, *options: str) -> str:
    out = StringIO()
    call_command("tail", task_id, *options, stdout=out)
    return out.getvalue()


def test_it_prints_a_line_an_event_without_what_was_said(alice: Persona, model: ScriptedModel) -> None:
    model.answers(SECRET)
    task_id = alice.execute(f"Is it true that {SECRET}?").json()["task_id"]
    lines = tail(task_id).splitlines()
    assert [line.split()[2] for line in lines] == [
        "TaskAccepted", "AttemptStarted", "ModelCalled", "ModelAnswered", "TaskEnded"
    ]  # fmt: skip
    assert "model=gpt-5-mini" in lines[2]
    assert SECRET not in "".join(lines)
    assert SECRET in tail(task_id, "--content")


def test_it_prints_json_for_programs(alice: Persona) -> None:
    task_id = alice.execute().json()["task_id"]
    events = [json.loads(line) for line in tail(task_id, "--json").splitlines()]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert "text" not in events[3]


def test_it_follows_a_task_that_runs(alice: Persona, model: ScriptedModel) -> None:
    held, out = model.holds("Done."), StringIO()

    def follow(task_id: str) -> None:
        try:
            call_command("tail", task_id, stdout=out)
        finally:
            connections.close_all()

    with alice.stream("Wait.") as stream:
        task_id = stream.until("step.started").data["task_id"]
        following = threading.Thread(target=follow, args=(task_id,))
        following.start()
        eventually(lambda: "ModelCalled" in out.getvalue())
        assert "TaskEnded" not in out.getvalue()
        held.release()
        assert stream.events
    following.join(10)
    assert "TaskEnded" in out.getvalue()


def test_it_says_that_there_is_no_such_task(database: object) -> None:
    with pytest.raises(CommandError, match="There is no task"):
        tail(str(uuid4()))
