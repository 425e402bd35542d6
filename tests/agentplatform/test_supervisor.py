"""The supervisor's parts: what it shows, how it reads a child, and how it keeps one running."""

import asyncio
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from agentplatform.embedded.program import Program
from agentplatform.supervisor import child as child_module
from agentplatform.supervisor.announcement import Announcement, curl, links
from agentplatform.supervisor.child import Child, StartFailed
from agentplatform.supervisor.json_lines import JsonLines
from agentplatform.supervisor.lines import LONGEST_LINE_BYTES, LinePipe
from agentplatform.supervisor.plan import Plan
from agentplatform.supervisor.terminal import Terminal
from tests.waiting import eventually

ANNOUNCEMENT = Announcement(
    seconds=2.5,
    status="healthy",
    links=links("http://127.0.0.1:8000"),
    api_key="demo-key-123",
    admin_password="a-password",
    curl=curl("http://127.0.0.1:8000", "demo-key-123"),
)


def written_as_json(show: Callable[[JsonLines], None]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    show(JsonLines(stream.write))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def written_on_terminal(show: Callable[[Terminal], None]) -> str:
    stream = io.StringIO()
    show(Terminal(stream.write))
    return stream.getvalue()


def script(name: str, text: str, **options: Any) -> Program:
    return Program(name=name, command=["sh", "-c", text], **options)


def play(scene: Callable[[JsonLines], Coroutine[Any, Any, None]]) -> list[dict[str, Any]]:
    """Run a scene on an event loop and give what it showed."""
    return written_as_json(lambda output: asyncio.run(scene(output)))


async def until(state: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, state)


def test_off_a_terminal_a_childs_json_passes_unchanged() -> None:
    line = '{"event":  "spaced oddly", "n": 1}'
    stream = io.StringIO()
    JsonLines(stream.write).line("web", line)
    assert stream.getvalue() == line + "\n"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("FATAL:  password authentication failed", "fatal"),
        ("[WARNING] slow", "warning"),
        ("ValueError: no", "error"),
        ("just a word", "info"),
        ('["json", "but no object"]', "info"),
        ('{"cut off', "info"),
    ],
)
def test_off_a_terminal_any_other_line_is_wrapped(text: str, level: str) -> None:
    (event,) = written_as_json(lambda output: output.line("postgres", text))
    assert event.pop("timestamp")
    assert event == {"level": level, "event": text, "process": "postgres"}


def test_off_a_terminal_the_announcement_is_one_object() -> None:
    (event,) = written_as_json(lambda output: output.ready(ANNOUNCEMENT))
    assert event["event"] == "platform_ready"
    assert event["links"]["docs"] == "http://127.0.0.1:8000/docs"
    assert event["admin_password"] == "a-password"


def test_off_a_terminal_steps_say_how_long_they_took() -> None:
    def show(output: JsonLines) -> None:
        with output.step("PostgreSQL"):
            pass

    began, done = written_as_json(show)
    assert (began["event"], done["event"]) == ("platform_step_started", "platform_step_done")
    assert done["seconds"] >= 0


def test_a_terminal_names_the_process_and_shows_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    event = {"timestamp": "2026-11-23T10:30:00Z", "level": "warning", "event": "agent_task_failed", "task_id": "t1"}
    assert written_on_terminal(lambda output: output.line("worker", json.dumps(event))) == (
        "worker    10:30:00 WARNING agent_task_failed task_id=t1\n"
    )


def test_a_terminal_shows_a_trace_below_its_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    line = json.dumps({"event": "broken", "level": "error", "exception": "Traceback …\nValueError"})
    assert written_on_terminal(lambda output: output.line("web", line)) == (
        "web       ERROR broken\nTraceback …\nValueError\n"
    )


def test_a_terminal_has_colours_unless_they_are_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[36mweb" in written_on_terminal(lambda output: output.line("web", "hello"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in written_on_terminal(lambda output: output.line("web", "hello"))


def test_a_terminal_turns_a_spinner_while_steps_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def show(output: Terminal) -> None:
        output.tick()
        with output.step("PostgreSQL"), output.step("Valkey"):
            output.tick()
            output.tick()

    text = written_on_terminal(show)
    assert "⠋ PostgreSQL, Valkey … 0 s" in text
    assert "⠙ PostgreSQL, Valkey … 0 s" in text
    assert "✓ Valkey 0.0 s\n" in text


def test_a_terminal_marks_a_step_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def show(output: Terminal) -> None:
        with pytest.raises(StartFailed), output.step("PostgreSQL"):
            raise StartFailed("no")

    assert "✗ PostgreSQL 0.0 s" in written_on_terminal(show)


def test_a_terminal_leaves_the_line_to_paste_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = written_on_terminal(lambda output: output.ready(ANNOUNCEMENT))
    assert ANNOUNCEMENT.curl in text.splitlines()
    assert "user admin, password a-password" in text


def test_the_line_to_paste_survives_a_shell() -> None:
    words = shlex.split(curl("http://127.0.0.1:8000", "demo-key-123"))
    assert words[:3] == ["curl", "-s", "http://127.0.0.1:8000/agent/execute"]
    assert "Authorization: Bearer demo-key-123" in words
    assert json.loads(words[-1])["task"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    plan = Plan(
        project_dir=Path(),
        data_dir=Path(),
        metrics_dir=Path(),
        host=host,
        port=8000,
        web_workers=1,
        has_web=True,
        has_worker=True,
        has_sweeper=True,
        needs_database=True,
        needs_redis=True,
        needs_model=True,
        has_demo_key=True,
        makes_admin_password=True,
    )
    assert plan.base_url == url


def test_lines_are_read_whole_whatever_a_child_writes() -> None:
    async def read(sent: bytes) -> list[str]:
        pipe = await LinePipe.open()
        writing = asyncio.create_task(asyncio.to_thread(_write_all, os.dup(pipe.write_end), sent))
        pipe.hand_over()
        lines = [line async for line in pipe.lines()]
        await writing
        pipe.close()
        return lines

    assert asyncio.run(read("één\r\n\nzwei\n".encode() + b"\xff\nrest")) == ["één", "zwei", "\ufffd", "rest"]
    endless = asyncio.run(read(b"x" * (2 * LONGEST_LINE_BYTES)))
    assert len(endless) > 1
    assert sum(map(len, endless)) == 2 * LONGEST_LINE_BYTES


def _write_all(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as pipe:
        pipe.write(content)


def test_a_child_that_dies_is_started_again_with_growing_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(child_module, "LONGEST_DELAY_SECONDS", 0.03)
    deaths: list[float] = []

    async def scene(output: JsonLines) -> None:
        child = Child(script("brittle", "exit 7"), output)
        monkeypatch.setattr(output, "news", lambda _event, **facts: deaths.append(facts["restart_in_seconds"]))
        await child.start(ready_within_seconds=5)
        await until(lambda: len(deaths) >= 4)
        await child.stop()

    play(scene)
    assert deaths[:4] == [0.01, 0.02, 0.03, 0.03]


def test_a_child_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "FIRST_DELAY_SECONDS", 0.01)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nmv {program} {tmp_path}/moved\n")
    program.chmod(0o700)

    async def scene(output: JsonLines) -> None:
        child = Child(Program(name="absent", command=[program]), output)
        await child.start(ready_within_seconds=5)
        news: list[str] = []
        monkeypatch.setattr(output, "news", lambda event, **_facts: news.append(event))
        await until(lambda: news.count("platform_child_not_started") >= 2)
        await child.stop()
        with pytest.raises(StartFailed, match=r"absent cannot be started: .*No such file"):
            await Child(Program(name="absent", command=[program]), output).run_once()

    play(scene)


def test_a_child_that_ends_before_it_is_ready_fails_with_its_last_words() -> None:
    async def scene(output: JsonLines) -> None:
        child = Child(script("broken", "echo no room; exit 3", is_ready=lambda _pid: False), output)
        with pytest.raises(StartFailed, match="broken ended with status 3: no room"):
            await child.start(ready_within_seconds=5)
        await child.stop()

    assert [event["event"] for event in play(scene)] == ["no room"]


def test_a_child_that_stays_silent_is_not_awaited_forever() -> None:
    async def scene(output: JsonLines) -> None:
        child = Child(script("mute", "exec sleep 60", is_ready=lambda _pid: False), output)
        with pytest.raises(StartFailed, match="mute was not ready within 0 s"):
            await child.start(ready_within_seconds=0.1)
        await child.stop()

    play(scene)


def test_a_child_that_ignores_its_signal_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(output: JsonLines) -> None:
        child = Child(script("deaf", "trap '' TERM; echo up; while :; do sleep 1; done", stop_seconds=0.1), output)
        shown: list[str] = []
        monkeypatch.setattr(output, "line", lambda _process, text: shown.append(text))
        await child.start(ready_within_seconds=5)
        await until(lambda: shown == ["up"])
        await child.stop()

    assert [event["event"] for event in play(scene)] == ["platform_child_killed"]


def test_a_step_that_runs_once_reports_its_failure() -> None:
    async def scene(output: JsonLines) -> None:
        await Child(script("fine", "echo done"), output).run_once()
        with pytest.raises(StartFailed, match="poor ended with status 1: it said nothing"):
            await Child(script("poor", "exit 1"), output).run_once()

    assert [event["event"] for event in play(scene)] == ["done"]


def test_noise_is_left_out() -> None:
    async def scene(output: JsonLines) -> None:
        await Child(script("chatty", "echo banner; echo news", noise="^banner"), output).run_once()

    assert [event["event"] for event in play(scene)] == ["news"]


def test_what_a_grandchild_keeps_open_does_not_hold_us() -> None:
    async def scene(output: JsonLines) -> None:
        await Child(script("leaving", "sleep 60 & echo $!"), output).run_once()

    (event,) = play(scene)
    os.kill(int(event["event"]), 9)


def test_children_get_the_supervisors_environment_and_their_own() -> None:
    print_it = "import os; print(os.environ['OWN'], os.environ['DIE_WITH_PARENT'], 'PATH' in os.environ)"

    async def scene(output: JsonLines) -> None:
        program = Program(name="env", command=[sys.executable, "-c", print_it], environment={"OWN": "mine"})
        await Child(program, output).run_once()

    assert play(scene)[0]["event"] == "mine 1 True"
