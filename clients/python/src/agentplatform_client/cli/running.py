"""The commands that run a task or follow one: run, wait, tail, estimate."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from agentplatform_client import TaskStream
from agentplatform_client.cli import exits
from agentplatform_client.cli.output import complain, write, write_json, write_result
from agentplatform_client.cli.program import Session, agentctl
from agentplatform_client.cli.progress import Progress, is_terminal
from agentplatform_client.errors import AgentplatformError, failure
from agentplatform_client.models import Task

as_json = click.option(
    "--json", "is_json", is_flag=True, help="All that the server says, as JSON; streamed: a line an event."
)
timeout = click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                       help="Stop waiting after that; the task goes on.")  # fmt: skip


def json_object(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """The JSON object that an option was given, or that stands in the file it names with @."""
    if value is None:
        return None
    try:
        text = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
        found = json.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{value[1:]} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise click.BadParameter(f"That is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise click.BadParameter('A JSON object is needed, such as {"audience": "beginners"}.')
    return found


def task_options(command: Any) -> Any:
    """The options that say what task it is."""
    for option in reversed((
        click.option("--agent", "agent_type", metavar="NAME", help="Which agent; auto lets the platform choose."),
        click.option("--context", callback=json_object, metavar="JSON|@FILE", help="Material for the agent."),
        click.option("--schema", "output_schema", callback=json_object, metavar="JSON|@FILE",
                     help="A JSON Schema that the result satisfies."),
        click.option("--max-cost", "max_cost_usd", metavar="USD", help="What it may cost at most."),
        click.option("--max-output-tokens", type=click.IntRange(1), help="How long an answer may be."),
        click.option("--max-steps", type=click.IntRange(1), help="How many steps it may take."),
        click.option("--time-limit", "timeout_seconds", type=click.IntRange(1), metavar="SECONDS", help="How long it may run."),
        click.option("--cache", type=click.Choice(["use", "refresh", "bypass"]), help="Whether an earlier answer will do."),
        click.option("--conversation", "conversation_id", metavar="UUID", help="The conversation it belongs to."),
        click.option("--webhook", "webhook_url", metavar="URL", help="Who is told of its end."),
        click.option("--metadata", callback=json_object, metavar="JSON|@FILE", help="What comes back unread."),
    )):  # fmt: skip
        command = option(command)
    return command


def options_of(given: dict[str, Any]) -> Any:
    """The task's options as the client takes them."""
    caps = ("max_cost_usd", "max_output_tokens", "max_steps", "timeout_seconds")
    said = {name: value for name, value in given.items() if value is not None}
    limits = {name: said.pop(name) for name in caps if name in said}
    return {**said, **({"limits": limits} if limits else {})}


def task_text(text: str) -> str:
    """The task's text; `-` stands for standard input."""
    if text != "-":
        return text
    try:
        return sys.stdin.read()
    except (OSError, ValueError) as error:
        raise click.ClickException(f"Standard input cannot be read: {error}.") from None


@agentctl.command()
@click.argument("task")
@task_options
@click.option(
    "--stream", "is_streamed", is_flag=True, help="Show the text as it comes, and each step on standard error."
)
@click.option("--background", "is_background", is_flag=True, help="Do not wait: print the task's id.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C stops the task as well.")
@click.option("--idempotency-key", metavar="KEY", help="The same key and task again is the same task, for 24 h.")
@timeout
@as_json
@click.pass_obj
def run(  # noqa: PLR0913, PLR0917  # click passes each option
    session: Session,
    /,
    task: str,
    is_streamed: bool,
    is_background: bool,
    cancel_on_interrupt: bool,
    timeout: float | None,
    is_json: bool,
    **given: Any,
) -> int:
    """Run TASK and print its result; `-` reads the task from standard input.

    However often the connection breaks or the server restarts, it runs once. Ctrl-C stops the waiting, not the task.
    """
    text, options = task_text(task), options_of({**given, "idempotency_key": given["idempotency_key"] or str(uuid4())})
    if is_background:
        with session.watched(has_lines=False):
            accepted = session.api.start(text, **options)
        write_json(accepted) if is_json else write(f"{accepted.task_id}\n")
        if is_terminal() and not session.is_quiet:
            complain(exits.followed(accepted.task_id))
        return 0
    with _followed(session, is_streamed=is_streamed, is_json=is_json) as progress:
        stream = session.api.stream(text, timeout=timeout, include_delegates=progress.turns, **options)
        try:
            return _to_its_end(stream, progress, is_streamed=is_streamed, is_json=is_json)
        except KeyboardInterrupt:
            progress.stop()
            return _interrupted(session, stream, options["idempotency_key"], is_cancelled=cancel_on_interrupt)


@agentctl.command()
@click.argument("task_id")
@click.option("--after", metavar="EVENT_ID", help="Only what followed that event.")
@timeout
@as_json
@click.pass_obj
def tail(session: Session, task_id: str, after: str | None, timeout: float | None, is_json: bool) -> int:
    """Follow a task from its start, during and after its run: its text, and each step on standard error."""
    with _followed(session, is_streamed=True, is_json=is_json) as progress:
        stream = session.api.events(task_id, after=after, timeout=timeout, include_delegates=progress.turns)
        try:
            return _to_its_end(stream, progress, is_streamed=True, is_json=is_json)
        except KeyboardInterrupt:
            progress.stop()
            return _interrupted(session, stream, "", is_cancelled=False)


@agentctl.command()
@click.argument("task_id")
@timeout
@as_json
@click.pass_obj
def wait(session: Session, task_id: str, timeout: float | None, is_json: bool) -> int:
    """Wait for a task's end, and print its result."""
    try:
        with session.watched(has_lines=False) as progress:
            progress.waits(f"waiting for {task_id}")
            task = session.api.wait(task_id, timeout=timeout, check=False)
    except KeyboardInterrupt:
        complain(f"Task {task_id} goes on. {exits.followed(task_id)}")
        return exits.INTERRUPTED
    return _ended(task, is_shown=True, is_json=is_json)


@agentctl.command()
@click.argument("task")
@task_options
@as_json
@click.pass_obj
def estimate(session: Session, /, task: str, is_json: bool, **given: Any) -> int:
    """Tell what TASK would cost, and whether it would be admitted. It spends nothing."""
    found = session.api.estimate(task_text(task), **options_of(given))
    if is_json:
        write_json(found)
    else:
        cached = ", answered from the cache" if found.cached else ""
        write(f"from ${found.cost_usd.min:f} to ${found.cost_usd.max:f}{cached}\n")
    if found.refusal and not is_json:
        complain(f"It would be refused: {found.refusal.detail}")
    return exits.REFUSED if found.refusal else 0


@contextmanager
def _followed(session: Session, *, is_streamed: bool, is_json: bool) -> Iterator[Progress]:
    """A task's progress: each step where that is asked for or a person looks on; its text only where asked for."""
    has_lines = is_streamed and not is_json
    with session.watched(has_lines=has_lines, has_text=has_lines) as progress:
        yield progress


def _to_its_end(stream: TaskStream, progress: Progress, *, is_streamed: bool, is_json: bool) -> int:
    with stream:
        for event in stream:
            if is_streamed and is_json:
                write_json(event)
            else:
                progress.show(event)
    assert stream.task is not None
    return _ended(stream.task, is_shown=not is_streamed, is_json=is_json and not is_streamed)


def _ended(task: Task, *, is_shown: bool, is_json: bool) -> int:
    if is_json:
        write_json(task)
    elif is_shown and task.is_completed:
        write_result(task)
    if task.is_completed:
        return 0
    error = failure(task)
    complain(exits.line_of(error))
    return exits.code_of(error)


def _interrupted(session: Session, stream: TaskStream, key: str, *, is_cancelled: bool) -> int:
    task_id = stream.task_id
    if task_id is None:
        complain(f"Interrupted before the task's id was known. With --idempotency-key {key} the same call finds it.")
    elif is_cancelled:
        try:
            task = session.api.cancel(task_id)
            complain(f"Task {task_id} is {task.status}." if task.is_ended else f"Task {task_id} was told to stop.")
        except AgentplatformError as error:
            complain(f"Task {task_id} goes on, as it could not be cancelled: {exits.line_of(error)}")
    else:
        complain(f"Task {task_id} goes on. {exits.followed(task_id, stream.last_event_id)}")
    return exits.INTERRUPTED
