"""Retries and fallback models: which model is asked next, and when."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import events as e
from agents.engine.effects import CallModel
from agents.engine.tries import MAX_BACKOFF_SECONDS, Tries
from agents.engine.types import FREE, AgentSpec, Model, Price
from tests.agents.engine.outside import Reply, Story, accepted, agent, call, failed, scripted, story, team

DEAR = Price(Decimal(100), Decimal(1000))
SECOND, THIRD = Model("model-2", DEAR), Model("model-3", FREE)
MEMBERS = team(
    agent("general", fallbacks=(SECOND, THIRD), max_tries=3, backoff_seconds=0.5),
    agent("analyst", fallbacks=(SECOND,), tools=("calculator",), max_tries=1),
    agent("auto", strategy="route", delegates=("general",), fallbacks=(SECOND,), max_tries=1),
    agent("research", strategy="plan", delegates=("general",), max_tries=1),
    agent("alone", max_tries=4, backoff_seconds=0.5),
)
Failing = Callable[[CallModel], Reply]


def told(lead: str, *replies: Reply | Failing) -> Story:
    return story(accepted(lead, MEMBERS), MEMBERS, *replies)


def models(told: Story) -> list[str]:
    return [call.model.name for call in told.model_calls]


def refused(call: CallModel) -> Reply:
    return failed(call, is_retryable=False)


def asking_to_wait(seconds: float) -> Failing:
    return lambda call: failed(call, retry_after=seconds)


def test_a_model_is_tried_again_before_the_next_one_is() -> None:
    story = told("general", *[failed] * 4, "Here I am.")
    assert models(story) == ["model-1"] * 3 + ["model-2"] * 2
    assert story.ended.result == "Here I am."
    assert {call.step for call in story.model_calls} == {1}


def test_the_journal_tells_each_try() -> None:
    story = told("general", failed, refused, "Here I am.")
    called = [event.model for event in story.journal if isinstance(event, e.ModelCalled)]
    assert called == ["model-1", "model-1", "model-2"]
    assert [event.model for event in story.journal if isinstance(event, e.ModelFailed)] == ["model-1", "model-1"]


def test_a_refusal_goes_to_the_next_model_at_once() -> None:
    story = told("general", refused, refused, "Here I am.")
    assert models(story) == ["model-1", "model-2", "model-3"]
    assert [(call.wait_seconds, call.jitter_seconds) for call in story.model_calls] == [(0, 0)] * 3


def test_when_all_have_failed_the_task_has() -> None:
    story = told("general", *[failed] * 9)
    assert models(story) == ["model-1"] * 3 + ["model-2"] * 3 + ["model-3"] * 3
    assert (story.ended.exit_reason, story.ended.message) == ("model_failed", "Away.")


def test_the_wait_grows_at_random_up_to_a_doubling_backoff() -> None:
    story = told("alone", *[failed] * 4)
    assert [call.wait_seconds for call in story.model_calls] == [0] * 4
    assert [call.jitter_seconds for call in story.model_calls] == [0, 0.5, 1, 2]


def test_retry_after_is_the_least_wait() -> None:
    story = told("alone", asking_to_wait(20), "Here I am.")
    assert [(call.wait_seconds, call.jitter_seconds) for call in story.model_calls] == [(0, 0), (20, 0.5)]


def test_an_answer_ends_the_waiting() -> None:
    story = told("alone", asking_to_wait(3), "Here I am.")
    assert story.state.root.tries == Tries()


def test_rather_than_wait_long_the_next_model_is_asked() -> None:
    story = told("general", asking_to_wait(MAX_BACKOFF_SECONDS), asking_to_wait(60), "Here I am.")
    assert [(call.model.name, call.wait_seconds) for call in story.model_calls] == [
        ("model-1", 0), ("model-1", MAX_BACKOFF_SECONDS), ("model-2", 0),
    ]  # fmt: skip


def test_the_last_model_is_waited_for() -> None:
    story = told("general", refused, refused, asking_to_wait(30), "Here I am.")
    assert [call.wait_seconds for call in story.model_calls] == [0, 0, 0, 30]


def test_a_run_stays_with_the_fallback_it_went_over_to() -> None:
    story = told("analyst", refused, [call()], "It is 42.")
    assert models(story) == ["model-1", "model-2", "model-2"]


def test_another_agent_begins_with_its_own_model() -> None:
    story = told("auto", refused, "general", "Here I am.")
    assert [(call.agent.slug, call.model.name) for call in story.model_calls] == [
        ("auto", "model-1"), ("auto", "model-2"), ("general", "model-1"),
    ]  # fmt: skip


def test_each_delegate_has_tries_of_its_own() -> None:
    story = told("research", '["What is a hen?", "What is an egg?"]', refused, "An egg.", "A hen.", "Both.")
    assert sorted((call.run, call.model.name) for call in story.model_calls) == [
        ("0", "model-1"), ("0", "model-1"), ("0.1", "model-1"), ("0.1", "model-2"), ("0.2", "model-1"),
    ]  # fmt: skip


def test_a_call_is_paid_at_the_price_of_the_model_that_answered() -> None:
    cheap, dear = told("general", "Yes."), told("general", refused, "Yes.")
    assert dear.state.cost_usd == 100 * cheap.state.cost_usd > 0


def test_a_fallback_too_dear_for_the_task_is_not_asked() -> None:
    opening = accepted("general", MEMBERS, max_cost_usd=Decimal("0.01"))
    story = Story(MEMBERS, [opening]).run(scripted(refused))
    assert story.ended.exit_reason == "budget_exceeded"
    assert models(story) == ["model-1"]


def test_a_failure_of_an_older_journal_is_still_read() -> None:
    old = e.from_json("ModelFailed", {"run": "0", "step": 1, "purpose": "answer", "message": "", "is_retryable": True})
    assert old == e.ModelFailed(run="0", step=1, purpose="answer", message="", is_retryable=True)


failures = st.builds(
    e.ModelFailed,
    run=st.just("0"),
    step=st.just(1),
    purpose=st.just("answer"),
    message=st.just("Away."),
    is_retryable=st.booleans(),
    retry_after_seconds=st.none() | st.floats(0, 1e6),
)


@given(
    failures=st.lists(failures, min_size=40, max_size=40),
    fallbacks=st.lists(st.sampled_from((SECOND, THIRD)), max_size=3),
    max_tries=st.integers(1, 11),
    backoff=st.floats(0, 8),
)
def test_whatever_fails_the_tries_come_to_an_end(
    failures: list[e.ModelFailed], fallbacks: list[Model], max_tries: int, backoff: float
) -> None:
    spec: AgentSpec = agent("any", fallbacks=tuple(fallbacks), max_tries=max_tries, backoff_seconds=backoff)
    tries, asked = Tries(), list[str]()
    for failure in failures:
        if tries.are_used_up(spec):
            break
        asked.append(tries.model(spec).name)
        assert 0 <= tries.jitter_seconds(spec) <= MAX_BACKOFF_SECONDS
        tries = tries.failed(spec, failure)
        assert tries.retry_after_seconds in (0, failure.retry_after_seconds)
    assert len(asked) <= max_tries * len(spec.models)
    assert tries.are_used_up(spec) or len(asked) == len(failures)


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_an_answer_keeps_the_place_and_forgets_the_failures(failures: int) -> None:
    assert Tries(2, failures, 3.0).answered() == Tries(2)


def test_a_model_whose_provider_is_left_alone_is_waited_for() -> None:
    def not_asked(call: CallModel) -> Reply:
        return replace(failed(call), retry_after_seconds=15.0, was_asked=False)

    story = told("general", not_asked, "Yes.")
    assert models(story) == ["model-1", "model-1"]
    assert story.model_calls[-1].wait_seconds == 15.0
