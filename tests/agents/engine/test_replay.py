"""A journal run again: today's engine decides as it did, and says so where it would not."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import events as e
from agents.engine.replay import StepMissing, replayed, until_step
from agents.engine.types import AgentSpec
from tests.agents.engine.outside import accepted, agent, call, story, team, through_json
from tests.agents.engine.test_properties import chances, tasks, told

Task = tuple[e.TaskAccepted, dict[str, AgentSpec]]


@given(task=tasks, random=chances)
def test_every_journal_replays_without_a_difference(task: Task, random: Random) -> None:
    ran = told(*task, random)
    found = replayed(enumerate(through_json(ran.journal), 1), ran.members)
    assert found.differences == ()
    assert found.state.ended == ran.ended
    assert found.events == len(ran.journal)


@given(task=tasks, random=chances, data=st.data())
def test_every_step_can_be_gone_back_to(task: Task, random: Random, data: st.DataObject) -> None:
    ran = told(*task, random)
    numbered = list(enumerate(ran.journal, 1))
    steps = {event.step for event in ran.journal if isinstance(event, e.ModelCalled) and event.run == e.ROOT}
    if steps:
        step = data.draw(st.sampled_from(sorted(steps)))
        before = until_step(numbered, step)
        _, following = numbered[len(before)]
        assert isinstance(following, e.ModelCalled)
        assert (following.run, following.step) == (e.ROOT, step)
    with pytest.raises(StepMissing, match="no step 99"):
        until_step(numbered, 99)


def test_a_changed_strategy_is_told() -> None:
    members = team(agent("general"))
    ran = story(accepted("general", members), members, "Fine.")
    changed = {"general": replace(members["general"], strategy="review")}
    [difference, *_] = replayed(enumerate(ran.journal, 1), changed).differences
    assert difference.recorded == "end as completed (completed)"
    assert "have general do run 0.1" in difference.now


def test_a_result_that_is_not_what_was_said_is_told() -> None:
    members = team(agent("general", tools=("calculator",)))
    ran = story(accepted("general", members), members, [call()], "It is 42.")
    forged = [replace(event, result="43") if isinstance(event, e.TaskEnded) else event for event in ran.journal]
    [difference] = replayed(enumerate(forged, 1), members).differences
    assert difference.seq == len(forged)
