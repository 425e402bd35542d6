"""The commands that look and answer. Those that run tasks are in `running.py`."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from agentplatform_client.cli import exits, running  # noqa: F401  # its commands are commands too
from agentplatform_client.cli.output import complain, one_line, write, write_json, write_result, write_table
from agentplatform_client.cli.program import Session, agentctl
from agentplatform_client.models import Approval, Task

as_json = click.option("--json", "is_json", is_flag=True, help="All that the server says, as JSON.")
a_day = click.DateTime(["%Y-%m-%d"])


@agentctl.command()
@click.argument("task_id")
@click.option("--steps", is_flag=True, help="The journal of what happened as well.")
@as_json
@click.pass_obj
def status(session: Session, task_id: str, steps: bool, is_json: bool) -> None:
    """Show a task as it stands."""
    task = session.api.status(task_id, include_steps=steps)
    if is_json:
        write_json(task)
        return
    write_table(("", ""), _facts(task))
    if task.result is not None:
        write("\n")
        write_result(task)


@agentctl.command()
@click.argument("task_id")
@as_json
@click.pass_obj
def cancel(session: Session, task_id: str, is_json: bool) -> None:
    """Stop a task. One that has ended is not changed."""
    task = session.api.cancel(task_id)
    if is_json:
        write_json(task)
    else:
        word = task.status if task.is_ended else "told to stop"
        write(f"{task.task_id} {word}\n")


@agentctl.command()
@click.argument("task_id")
@click.argument("approval_id", required=False)
@click.option("--reject", is_flag=True, help="Say no.")
@click.option("--comment", help="What the agent is told beside the answer.")
@as_json
@click.pass_obj
def approve(
    session: Session, task_id: str, approval_id: str | None, reject: bool, comment: str | None, is_json: bool
) -> int:
    """Answer the question that a task waits with. APPROVAL_ID may be left out where only one is pending."""
    if approval_id is None:
        task = session.api.status(task_id)
        pending = [each for each in task.approvals if each.is_pending]
        if len(pending) != 1:
            several = f": {', '.join(each.approval_id for each in pending)}. Name one." if pending else "."
            complain(f"{len(pending) or 'No'} approvals of task {task_id} are pending, which is {task.status}{several}")
            return exits.REFUSED
        approval_id = pending[0].approval_id
    task = session.api.approve(task_id, approval_id, decision="reject" if reject else "approve", comment=comment)
    if is_json:
        write_json(task)
    else:
        write(f"{approval_id} {'rejected' if reject else 'approved'}; the task is {task.status}\n")
    return 0


@agentctl.command()
@click.option("--status", help="Such as running, failed or awaiting_approval.")
@click.option("--agent", "agent_type", metavar="NAME", help="Of one agent only.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@as_json
@click.pass_obj
def tasks(session: Session, status: str | None, agent_type: str | None, limit: int, is_json: bool) -> None:
    """List your tasks, newest first."""
    found = islice(session.api.tasks(status=status, agent_type=agent_type, page_size=min(limit, 100)), limit)
    if is_json:
        for task in found:
            write_json(task)
        return
    rows = [(task.task_id, task.status, task.agent_type, _moment(task.created_at), f"${task.cost_usd:f}", _gist(task))
            for task in found]  # fmt: skip
    write_table(("task", "status", "agent", "created", "cost", "result"), rows)


@agentctl.command()
@as_json
@click.pass_obj
def agents(session: Session, is_json: bool) -> None:
    """List the agents that your key may call."""
    found = session.api.agent_types()
    if is_json:
        write_json(found)
        return
    rows = [
        (each.slug, each.model, ", ".join(each.tools), ", ".join(each.delegates), each.description) for each in found
    ]
    write_table(("agent", "model", "tools", "delegates", "what it does"), rows)


@agentctl.command()
@click.option("--from", "from_", type=a_day, help="The first day (UTC); 30 days back when left out.")
@click.option("--to", type=a_day, help="The last day; today when left out.")
@click.option("--csv", "is_csv", is_flag=True, help="A line for each day, agent and key.")
@as_json
@click.pass_obj
def usage(session: Session, from_: datetime | None, to: datetime | None, is_csv: bool, is_json: bool) -> None:
    """Show what your client used, and what is left of its limits."""
    first, last = from_ and from_.date(), to and to.date()
    if is_csv:
        write(session.api.usage_csv(from_=first, to=last))
        return
    used = session.api.usage(from_=first, to=last)
    if is_json:
        write_json(used)
        return
    totals = [(name, each.requests, each.tokens.input, each.tokens.output, f"${each.cost_usd:f}")
              for name, each in [*((row.agent_type, row) for row in used.by_agent_type), ("all", used)]]  # fmt: skip
    write_table(("agent", "tasks", "tokens in", "tokens out", "cost"), totals)
    for limit in used.limits:
        window = f" in {limit.window_seconds:g} s" if limit.window_seconds else ""
        write(f"{limit.remaining} of {limit.limit} {limit.name}{window} left\n")


@agentctl.command()
@click.argument("task_id")
@click.argument("rating", type=click.IntRange(1, 5))
@click.option("--comment", help="What you would tell its makers.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be given several times.")
@click.option("--correction", help="What the result should have been.")
@as_json
@click.pass_obj
def feedback(session: Session, /, task_id: str, rating: int, is_json: bool, **said: Any) -> None:
    """Say what you thought of a task's result: RATING is from 1, useless, to 5, just right."""
    kept = session.api.feedback(task_id, rating, **said)
    if is_json:
        write_json(kept)
    else:
        write(f"kept: {kept.rating} of 5 for {kept.task_id}\n")


@agentctl.command()
@as_json
@click.pass_obj
def account(session: Session, is_json: bool) -> None:
    """Show who you are by your key, and what is left of your limits."""
    own = session.api.account()
    if is_json:
        write_json(own)
        return
    rows = [
        ("client", own.client),
        ("tier", own.tier),
        *([("key", f"{own.key.name} ({own.key.prefix}…)")] if own.key else []),
    ]
    rows += [(each.name, f"{each.remaining} of {each.limit} left") for each in own.limits]
    write_table(("", ""), rows)


def _facts(task: Task) -> list[tuple[str, Any]]:
    ran = None if task.execution_time_seconds is None else f"{task.execution_time_seconds:g} s"
    reason = "" if task.exit_reason in (None, task.status) else f" ({task.exit_reason})"
    rows = [
        ("task", task.task_id),
        ("status", f"{task.status}{reason}"),
        ("agent", f"{task.agent_type} version {task.agent_version}"),
        ("model", task.model),
        ("created", _moment(task.created_at)),
        ("ran", ran),
        ("tokens", f"{task.usage.input_tokens} in, {task.usage.output_tokens} out"),
        ("cost", f"${task.cost_usd:f}{' (cached)' if task.cached else ''}"),
        ("error", task.error.message if task.error else None),
        *(("approval", _asked(each)) for each in task.approvals),
        *((f"step {each.seq}", each.type) for each in task.steps or ()),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _asked(approval: Approval) -> str:
    about = f"{approval.tool} {approval.arguments or ''}" if approval.tool else approval.text or ""
    return f"{approval.approval_id} {approval.decision or 'pending'}: {one_line(about)}"


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else ""


def _gist(task: Task) -> str:
    return one_line(task.error.message if task.error else "" if task.result is None else task.result, 60)
