"""What a model asked for in its answer: tools are called and agents asked, side by side; then the conversation is handed over."""

from agents.engine import approvals, distrust, tree
from agents.engine import events as e
from agents.engine.effects import CallTool, Effect, Record
from agents.engine.referrals import Referral, argument, referrals_of
from agents.engine.state import OpenTool, Run, State


def open_calls(state: State, run: Run) -> list[Effect]:
    """What the calls that have not returned need now; nothing where all wait for somebody."""
    known = referrals_of(state.team[run.agent], state.team)
    called = [(each, known.get(each.call.name)) for each in run.open_tools]
    hand_overs = [(each, referral) for each, referral in called if referral and referral.kind == "hand_over"]
    if len(hand_overs) == len(called):
        return _hand_over(state, run, hand_overs)
    tools = [effect for each, referral in called if not referral for effect in _use(state, run, each)]
    asks = [(each, referral) for each, referral in called if referral and referral.kind == "ask" and not each.child]
    return [*tools, *_ask(state, run, asks)]


def _use(state: State, run: Run, tool: OpenTool) -> list[Effect]:
    """Call a tool, again after a crash; one that may not begin twice is an operator's to settle then."""
    if tool.is_unknown:
        return []
    if tool.unsafe_since is not None and tool.unsafe_since != state.attempt:
        return [Record(event=e.OutcomeUnknown(run=run.id, step=run.step, call=tool.call))]
    if (asking := approvals.of_call(state, run, tool)) is not None:
        return asking
    if tool.unsafe_since is None and (refusal := distrust.refusal(state, run, tool)):
        return _returned(run, tool, refusal, is_refused=True)
    return [CallTool(run=run.id, step=run.step, call=tool.call)]


def _ask(state: State, run: Run, asks: list[tuple[OpenTool, Referral]]) -> list[Effect]:
    """Start a delegate for each call; tell the model of those that cannot be."""
    wanted: list[tree.Wanted] = []
    told: list[Effect] = []
    for each, referral in asks:
        task = argument(each.call.arguments, "task")
        if fault := tree.refusal(state, run, referral):
            told += _returned(run, each, fault, is_refused=True)
        elif not task:
            told += _returned(run, each, f'{referral.function.name} takes JSON with the whole task: {{"task": "…"}}.')
        else:
            wanted.append(tree.Wanted(referral.agent, task, each.call.id))
    return [*told, *tree.starts(state, run, "ask", wanted)]


def _hand_over(state: State, run: Run, hand_overs: list[tuple[OpenTool, Referral]]) -> list[Effect]:
    """Go on as the agent that the first call names which may be followed; the others are told that they came to nothing."""
    (first, referral), *rest = hand_overs
    if fault := tree.refusal(state, run, referral):
        return _returned(run, first, fault, is_refused=True)
    if rest:
        told = f"The conversation goes to {referral.agent}; it can go to one agent only."
        return [effect for each, _ in rest for effect in _returned(run, each, told, is_refused=True)]
    reason = argument(first.call.arguments, "reason")
    return [Record(event=e.HandedOver(run=run.id, agent=referral.agent, call_id=first.call.id, reason=reason))]


def _returned(run: Run, tool: OpenTool, output: str, *, is_refused: bool = False) -> list[Effect]:
    """A call that nobody has to perform, and what its model reads."""
    returned = e.ToolReturned(
        run=run.id,
        step=run.step,
        call_id=tool.call.id,
        tool=tool.call.name,
        output=output,
        is_error=True,
        is_refused=is_refused,
    )
    return [Record(event=e.ToolCalled(run=run.id, step=run.step, call=tool.call)), Record(event=returned)]
