"""`decide` as a state machine: answers, failures, tools, cancels, deadlines and crashes in any order hypothesis thinks of.

A crash forgets what was not saved: the journal goes back to its last save, through JSON, and a new runner folds it.
"""

from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.engine import events as e
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside, Record
from agents.engine.state import fold
from agents.engine.types import AgentSpec
from tests.agents.engine.outside import Story, answered, failed, returned, through_json
from tests.agents.engine.test_properties import (
    MOST_TRIES,
    TEXTS,
    Chance,
    assert_the_tree_is_within_its_caps,
    named,
    openings,
    promises,
)


class TaskMachine(RuleBasedStateMachine):
    """One task, the runner's calls under way, and how much of the journal is saved."""

    @initialize(task=openings())
    def begin(self, task: tuple[e.TaskAccepted, dict[str, AgentSpec]]) -> None:
        self.opening, self.members = task
        self.story = Story(self.members, [self.opening])
        self.under_way: dict[tuple[str, ...], Outside] = {}
        self.saved = 1
        self.attempts = 1
        self.is_late = False
        self._go_on()

    def _go_on(self) -> None:
        """Record what follows and announce what is to be called: as the runner, which saves before it calls."""
        while effects := decide(self.story.state, is_past_deadline=self.is_late):
            if records := [effect.event for effect in effects if isinstance(effect, Record)]:
                for event in records:
                    self.story.append(event)
                continue
            wanted: dict[tuple[str, ...], Outside] = {
                effect.key: effect for effect in effects if isinstance(effect, CallModel | CallTool)
            }
            assert len(wanted) == len(effects), "two effects cannot be told apart"
            for key, effect in wanted.items():
                if key not in self.under_way:
                    self.story._announce(effect)
            self.under_way = wanted
            break
        if self.story.state.ended:
            self.under_way = {}
        self.saved = len(self.story.journal)

    def _take(self, data: st.DataObject, kind: type[Any]) -> Any:
        keys = sorted(key for key, effect in self.under_way.items() if isinstance(effect, kind))
        return self.under_way.pop(data.draw(st.sampled_from(keys)))

    def _has(self, kind: type[Any]) -> bool:
        return any(isinstance(effect, kind) for effect in self.under_way.values())

    @precondition(lambda self: self._has(CallModel))
    @rule(data=st.data(), seed=st.integers(0, 2**32))
    def a_model_says_anything(self, data: st.DataObject, seed: int) -> None:
        self.story.append(Chance(Random(seed))(self._take(data, CallModel)))
        self._go_on()

    @precondition(lambda self: self._has(CallModel))
    @rule(data=st.data(), text=st.sampled_from(TEXTS))
    def a_model_says_this(self, data: st.DataObject, text: str) -> None:
        self.story.append(answered(self._take(data, CallModel), text))
        self._go_on()

    @precondition(lambda self: self._has(CallModel))
    @rule(data=st.data(), is_retryable=st.booleans())
    def a_model_fails(self, data: st.DataObject, is_retryable: bool) -> None:
        self.story.append(failed(self._take(data, CallModel), is_retryable=is_retryable))
        self._go_on()

    @precondition(lambda self: self._has(CallTool))
    @rule(data=st.data(), is_error=st.booleans())
    def a_tool_returns(self, data: st.DataObject, is_error: bool) -> None:
        self.story.append(returned(self._take(data, CallTool), is_error=is_error))
        self._go_on()

    @precondition(lambda self: self._has(Outside) and not self.story.state.ended)
    @rule(data=st.data(), answers=st.integers(0, 2))
    def the_process_dies(self, data: st.DataObject, answers: int) -> None:
        """Answers that came and were not saved are lost with it; the next attempt knows the journal alone."""
        for _ in range(min(answers, len(self.under_way))):
            effect = self._take(data, Outside)  # type: ignore[arg-type]  # a union works for isinstance
            self.story.append(Chance(Random(self.attempts))(effect))
        kept = through_json(self.story.journal[: self.saved])
        self.attempts += 1
        self.story = Story(self.members, kept, self.story.calls)
        self.story.append(e.AttemptLost(attempt=self.attempts - 1))
        self.story.append(e.AttemptStarted(attempt=self.attempts))
        self.under_way = {}
        self._go_on()

    @precondition(lambda self: self.story.open_approvals and not self.story.state.ended)
    @rule(data=st.data(), decision=st.sampled_from(("approve", "reject", "expire")))
    def a_person_answers(self, data: st.DataObject, decision: e.Decision) -> None:
        self.story.answer(data.draw(st.sampled_from(self.story.open_approvals)), decision)
        self.saved = len(self.story.journal)
        self._go_on()

    @rule()
    def someone_cancels(self) -> None:
        if not self.story.state.ended:
            self.story.append(e.CancelRequested(by="client"))
            self._go_on()
            assert self.story.ended.exit_reason == "cancelled"

    @rule()
    def its_time_is_over(self) -> None:
        self.is_late = True
        self._go_on()
        assert self.story.state.ended

    @invariant()
    def it_goes_on_or_has_ended(self) -> None:
        assert self.story.state.ended or self.under_way or self.story.open_approvals, (
            "nothing is under way, and nothing is left to do"
        )

    @invariant()
    def the_journal_alone_is_the_state(self) -> None:
        assert fold(through_json(self.story.journal), self.members) == self.story.state

    @invariant()
    def caps_hold(self) -> None:
        limits = self.opening.limits
        assert self.story.state.model_calls <= limits.max_steps
        assert self.story.state.cost_usd <= limits.max_cost_usd
        assert_the_tree_is_within_its_caps(self.story)
        calls = len([event for event in self.story.journal if isinstance(event, e.ModelCalled)])
        assert calls <= limits.max_steps * MOST_TRIES + limits.max_steps * self.attempts

    @invariant()
    def no_recorded_step_is_made_twice(self) -> None:
        answers = [named(each) for each in self.story.journal if isinstance(each, e.ModelAnswered | e.ToolReturned)]
        once = [name for name in answers if name[0] != "repair"]
        assert len(once) == len(set(once))

    @invariant()
    def the_end_is_the_last_word(self) -> None:
        ends = [place for place, event in enumerate(self.story.journal) if isinstance(event, e.TaskEnded)]
        assert ends == ([len(self.story.journal) - 1] if self.story.state.ended else [])


TestTask = TaskMachine.TestCase
TestTask.settings = settings(promises, max_examples=40, stateful_step_count=30)
