"""One call of a run's model, composed from the state."""

from agents.engine.effects import CallModel
from agents.engine.prompts import CRITIQUE, messages
from agents.engine.state import PRELIMINARY, Run, State
from agents.engine.tree import offered
from agents.engine.types import Model


def model_call(
    state: State, run: Run, purpose: str, fault: str = "", *, model: Model | None = None, most_tokens: int = 0
) -> CallModel:
    """The call that serves this purpose now; `fault` is what a repair is about.

    `model` is asked in place of the agent's own, and its answer is no longer than `most_tokens`, if set.
    """
    agent = state.team[run.agent]
    is_preliminary = purpose in PRELIMINARY
    made_again = run.is_open_step or purpose == "repair"
    schema = None if is_preliminary else state.schema_of(run)
    return CallModel(
        run=run.id,
        step=run.step if made_again else run.step + 1,
        purpose=purpose,
        agent=agent,
        model=model or run.tries.model(agent),
        messages=messages(state, run, purpose, fault),
        functions=() if is_preliminary else offered(state, run),
        max_output_tokens=min(most_tokens or state.limits.max_output_tokens, state.limits.max_output_tokens),
        output_schema=CRITIQUE if purpose == "review" else schema,
        wait_seconds=run.tries.retry_after_seconds,
        jitter_seconds=run.tries.jitter_seconds(agent),
    )
