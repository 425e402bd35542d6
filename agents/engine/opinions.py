"""A second opinion on a text that may be an attack: where the guard is in doubt, a model is asked before anything else is done.

Without a usable answer the guard's own word stands: the text is noted and runs.
"""

import re

from agents.engine import events as e
from agents.engine.calls import model_call
from agents.engine.effects import Effect
from agents.engine.endings import failed
from agents.engine.state import Run, State

ANSWER = re.compile(r"\b(?:attack|honest)\b", re.IGNORECASE)
MOST_TOKENS = 1000


def of_start(state: State, run: Run) -> list[Effect] | None:
    """What happens before the root begins on a doubtful text; None when it may begin."""
    model, noted = state.team[run.agent].second_opinion, state.noted
    is_in_doubt = run.id == e.ROOT and noted and noted.verdict == "flag" and state.guard_mode_of(run) == "block"
    if not (is_in_doubt and noted and model and model.price.is_known):
        return None
    if run.opinion is None:
        return [model_call(state, run, "guard", model=model, most_tokens=MOST_TOKENS)]
    if {word.lower() for word in ANSWER.findall(run.opinion)} == {"attack"}:
        told = f"The text reads like an attack ({noted.rule}), and a second look says so too."
        return [failed("guardrail_blocked", told, guard_rule=noted.rule)]
    return None
