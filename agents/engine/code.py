"""Agents that are functions: what one asks for is called as for any agent, so every cap holds. The function runs outside."""

import json
from dataclasses import replace

from agents.engine import approvals
from agents.engine import events as e
from agents.engine.calling import open_calls
from agents.engine.effects import CallModel, CallTool, Effect, Record, RunCode
from agents.engine.endings import ended, give_up, held_back, report
from agents.engine.json_schema import value_fault
from agents.engine.output import NotValid, satisfying
from agents.engine.script import open_asks
from agents.engine.state import Run, State


def is_code(state: State, run: Run) -> bool:
    """Whether the run's agent is a function."""
    return state.team[run.agent].strategy == "code"


def next_of_code(state: State, run: Run) -> list[Effect]:
    """Have the function go on until it has ended, and what it asked for be done meanwhile."""
    match run.code_ended:
        case e.CodeFailed(reason=reason, message=message):
            return [give_up(run, reason, message)]
        case e.CodeReturned(is_blocked=True, guard_rule=rule):
            return [held_back(rule)]
        case e.CodeReturned(result=result, guard_rule=rule):
            return _end(state, run, result, rule)
    calls = open_calls(state, run) if run.open_tools else []
    # A function's steps count its model calls; a tool's call has to keep its name when it is made again.
    named = [replace(effect, step=0) if isinstance(effect, CallTool) else effect for effect in calls]
    return [RunCode(run=run.id), *named, *_model(state, run)]


def _model(state: State, run: Run) -> list[Effect]:
    """The first model call that is open: a run makes them one after the other."""
    agent, waiting = state.team[run.agent], open_asks(run.script, "model")
    if not waiting:
        return []
    asked = waiting[0]
    if run.tries.are_used_up(agent):
        failed = e.CodeAnswered(run=run.id, number=asked.number, output=state.model_failure, is_error=True)
        return [Record(event=failed)]
    most = asked.what["max_output_tokens"] or state.limits.max_output_tokens
    call = CallModel(
        run=run.id,
        step=run.step if run.is_open_step else run.step + 1,
        purpose="code",
        agent=agent,
        model=run.tries.model(agent),
        messages=asked.messages,
        functions=(),
        max_output_tokens=min(most, state.limits.max_output_tokens),
        output_schema=asked.what["schema"],
        wait_seconds=run.tries.retry_after_seconds,
        jitter_seconds=run.tries.jitter_seconds(agent),
    )
    return [call]


def _end(state: State, run: Run, result: object, guard_rule: str) -> list[Effect]:
    """The run's end with what the function returned; there is nobody to mend what does not satisfy the schema."""
    schema = state.schema_of(run)
    if schema is not None and (fault := value_fault(result, schema)):
        try:
            result = satisfying(result if isinstance(result, str) else "", schema)
        except NotValid:
            return [give_up(run, "output_invalid", f"The result does not satisfy output_schema: {fault}")]
    told = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if (asking := approvals.of_result(state, run, told)) is not None:
        return asking
    if run.id == e.ROOT:
        return [ended("completed", "completed", result=result, guard_rule=guard_rule)]
    return [report(run, told)]
