"""What the guard makes of an order, and of what tools return.

The mode of the client's tier, or else of the agent's version, says whether a finding is counted, noted, or has consequences.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any

from agentplatform import metrics, tracing
from agentplatform.errors import InjectionDetected
from agentplatform.logs import log
from agents.engine import events as e
from agents.engine.state import Run, State
from agents.guards import injection, leaks, remembered
from agents.guards.injection import Verdict
from agents.orders import Order
from agents.schemas import ExecuteRequest
from agents.teams import Team

PASS = Verdict("pass")
QUICK = 4096
"""Characters up to which a text is read at once; longer ones in a thread, so that others are served meanwhile."""


def mode_for(order: Order, team: Team) -> str:
    """Which mode holds for an order: that of the client's tier where it has one, else that of the agent's version."""
    return order.caller.guard_mode or team.lead.spec.guard_mode


def check(order: Order, mode: str) -> e.GuardNoted | None:
    """Read what a client sent; gives the note that its task gets, if any. Raises InjectionDetected.

    `off` reads nothing, `observe` counts and logs what is found, `flag` notes it with the task as well, and `block` refuses
    what is surely an attack and notes what may be one.
    """
    found = judged(order.request, mode)
    if found.verdict == "pass":
        return None
    metrics.guard_findings_total.labels(mode, found.verdict).inc()
    tracing.note({"agentplatform.guard.rule": found.rule, "agentplatform.guard.verdict": found.verdict})
    if is_refused(found, mode):
        raise InjectionDetected(rule=found.rule, score=found.score)
    log(__name__).info("guard_flagged", mode=mode, rule=found.rule, score=found.score, task_id=str(order.task_id))
    return None if mode == "observe" else e.GuardNoted(rule=found.rule, score=found.score, verdict=found.verdict)


async def read_result(event: e.ToolReturned, mode: str) -> e.ToolReturned:
    """What a tool returned, with the note of what the guard finds in it, if any; `observe` counts and logs alone."""
    if mode == "off":
        return event
    is_quick = len(event.output) <= QUICK
    found = injection.check(event.output) if is_quick else await asyncio.to_thread(injection.check, event.output)
    if found.verdict == "pass":
        return event
    metrics.guard_findings_total.labels(mode, found.verdict).inc()
    log(__name__).info("guard_flagged_result", mode=mode, rule=found.rule, score=found.score, tool=event.tool)
    return event if mode == "observe" else replace(event, guard_rule=found.rule, guard_score=found.score)


async def read_answer(state: State, run: Run, answer: object) -> tuple[str, bool]:
    """What the output guard finds in an answer of the root, and whether that holds it back; delegates answer to agents alone."""
    mode = state.team[run.agent].output_guard
    if run.id != e.ROOT or mode == "off":
        return "", False
    written = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    instructions = {spec.instructions for spec in state.team.values()}
    sent = [*_strings([state.input.task, state.input.context]), *(turn.content for turn in state.history.turns)]
    read = [turn.content for each in state.runs.values() for turn in each.turns if turn.role == "tool"]

    def look() -> str:
        return leaks.found_in(written, instructions=instructions, sent=sent, read=read)

    rule = look() if len(written) <= QUICK else await asyncio.to_thread(look)
    if rule:
        metrics.output_guard_findings_total.labels(mode, rule).inc()
        log(__name__).warning("output_guard_flagged", mode=mode, rule=rule, agent=run.agent)
    return rule, bool(rule) and mode == "block"


def judged(request: ExecuteRequest, mode: str) -> Verdict:
    """What the guard says of all texts that a client sent; nothing where it is off."""
    if mode == "off":
        return PASS
    return remembered.check_all([request.task, *_strings(request.context), *_strings(request.output_schema)])


def is_refused(found: Verdict, mode: str) -> bool:
    """Whether a task with this finding is not run."""
    return mode == "block" and found.verdict == "block"


def _strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for name, item in value.items() for text in (name, *_strings(item))]
        case list():
            return [text for item in value for text in _strings(item)]
        case _:
            return []
