"""A function whose process goes away is run again from its beginning, and what it did already is not done again."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django.test
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.urls import reverse

from agents import draining, forking, journal, lifecycle, sweeper
from agents.code import AgentError, BlockingContext, Context, ToolFailed, agent
from agents.engine import events as e
from agents.models import Event, Task, UnknownOutcome
from agents.tasks import run_task
from tests.agents.code.conftest import Installed
from tests.agents.making import ACTOR, published
from tests.agents.unsafe_tools import Post, post_office
from tests.api import Persona
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
MADE: list[str] = []


def queued(of: Persona, slug: str = "coded", **fields: Any) -> str:
    return str(of.execute("Go.", agent_type=slug, async_execution=True, **fields).json()["task_id"])


def crash(task_id: str, happened: list[e.Event]) -> None:
    """As when a worker took the task, wrote these events, and was killed."""
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    lifecycle.append(claim.holder, [e.AttemptStarted(attempt=claim.task.attempts), *happened])
    take_over(task_id)


def take_over(task_id: str) -> None:
    Task.objects.filter(pk=task_id).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert sweeper.sweep()["taken_over"] == 1


def happened(task_id: str) -> list[e.Event]:
    """A task's journal after its acceptance and its first attempt's beginning."""
    return [event for _, event in journal.events(UUID(task_id))][2:]


async def long_way(task: str, context: Context) -> str:
    first = await context.model("one")
    calls = (context.tool("calculator", expression="6*7"), context.delegate("helper", "two"), context.step("own", own))
    parts = list(await asyncio.gather(*calls))
    try:
        await context.tool("calculator", expression="1/0")
    except ToolFailed:
        parts.append("caught")
    last = await context.model(f"three after {parts}")
    return f"{first} | {parts} | {last}"


def own() -> str:
    MADE.append("own")
    return "mine"


@pytest.fixture
def long(installed: Installed) -> None:
    MADE.clear()
    published("helper")
    agent(slug="coded", description="Does it.", tools=["calculator"], delegates=["helper"])(long_way)
    installed()


def test_wherever_it_is_interrupted_it_ends_the_same(alice: Persona, model: ScriptedModel, long: None) -> None:
    whole = queued(alice)
    run_task(whole)
    result = alice.status(whole).json()["result"]
    assert result.endswith("An answer to: three after ['42', 'An answer to: two', 'mine', 'caught']")
    events = happened(whole)
    assert len(events) > 20
    for cut in range(len(events)):
        before = events[:cut]
        task_id = queued(alice)
        crash(task_id, before)
        model.requests.clear()
        MADE.clear()
        run_task(task_id)
        task = alice.status(task_id).json()
        assert (task["status"], task["result"]) == ("completed", result), (cut, task["error"])
        recorded = sum(isinstance(event, e.ModelAnswered) for event in before)
        assert model.calls == 3 - recorded, f"after {cut} events, a recorded call is made again"
        is_step_known = any(isinstance(event, e.CodeAnswered) for event in before)
        assert len(MADE) == (0 if is_step_known else 1)
        assert task["usage"]["model_calls"] == 3


def test_what_came_while_it_was_away_reaches_it(alice: Persona, model: ScriptedModel, long: None) -> None:
    """The tools it asked for are called again at once, maybe before the function asks for them again."""
    whole = queued(alice)
    run_task(whole)
    events = happened(whole)
    asked = [index for index, event in enumerate(events) if isinstance(event, e.CodeAsked)]
    task_id = queued(alice)
    crash(task_id, events[: asked[3] + 1])
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == alice.status(whole).json()["result"]


def test_its_journal_is_replayed_and_forked(alice: Persona, model: ScriptedModel, long: None) -> None:
    whole = queued(alice)
    run_task(whole)
    story = forking.story_of(UUID(whole))
    assert forking.replay(story).differences == ()
    model.requests.clear()
    MADE.clear()
    forked = forking.fork(story, 2, instructions=forking.agent_at(story, 2).instructions, actor=ACTOR)
    run_task(str(forked.pk))
    task = Task.objects.get(pk=forked.pk)
    assert (task.status, task.result) == ("completed", alice.status(whole).json()["result"])
    assert (model.calls, MADE) == (1, []), "only what comes after the step is called"
    with pytest.raises(ValidationError, match="coded is code"):
        forking.fork(story, 2, instructions="Other.", actor=ACTOR)


def diverges(alice: Persona, installed: Installed, first: Any, second: Any, cut: int) -> dict[str, Any]:
    """A task that begins as one function, is interrupted after so many calls, and goes on as another."""
    agent(slug="coded", description="Does it.", tools=["calculator"], delegates=["general"])(first)
    installed()
    whole = queued(alice)
    run_task(whole)
    events = happened(whole)
    asked = [index for index, event in enumerate(events) if isinstance(event, e.CodeAsked)]
    task_id = queued(alice)
    crash(task_id, events[: asked[cut]] if cut < len(asked) else events[:-2])
    second.__qualname__ = first.__qualname__
    agent(slug="coded", description="Does it.", tools=["calculator"], delegates=["general"])(second)
    run_task(task_id)
    task: dict[str, Any] = alice.status(task_id).json()
    return task


async def first_way(task: str, context: Context) -> str:
    await context.model("one")
    return await context.tool("calculator", expression="1+1")


async def other_tool(task: str, context: Context) -> str:
    await context.tool("calculator", expression="1+1")
    return "x"


async def other_text(task: str, context: Context) -> str:
    return str(await context.model("two"))


async def fewer_calls(task: str, context: Context) -> str:
    await context.model("one")
    return "early"


async def catches_all(task: str, context: Context) -> str:
    try:
        await context.model("two")
    except BaseException:  # noqa: BLE001  # as careless code does
        return "swallowed"
    return "x"


@pytest.mark.parametrize(
    ("second", "cut", "how"),
    [
        (other_tool, 1, "its call 1 was the model, and is the tool calculator now."),
        (other_text, 1, "its call 1 was the model, and has another content now."),
        (fewer_calls, 2, "it made 2 calls, and 1 now."),
        (catches_all, 1, "its call 1 was the model, and has another content now."),
    ],
)
def test_a_function_that_goes_another_way_fails(
    alice: Persona, model: ScriptedModel, installed: Installed, logs: Logs, second: Any, cut: int, how: str
) -> None:
    task = diverges(alice, installed, first_way, second, cut)
    assert (task["status"], task["exit_reason"]) == ("failed", "tool_failed")
    assert task["error"]["message"] == (
        f"After an interruption the code of coded went another way: {how} Code has to make the same calls for the same task."
    )
    assert logs.events("agent_code_diverged")


async def longer_way(task: str, context: Context) -> str:
    await context.model("one")
    await context.tool("calculator", expression="1+1")
    return str(await context.model("more"))


def test_a_function_that_goes_further_goes_on(alice: Persona, model: ScriptedModel, installed: Installed) -> None:
    task = diverges(alice, installed, first_way, longer_way, 1)
    assert (task["status"], task["result"]) == ("completed", "An answer to: more")


def test_code_that_is_gone_fails_its_tasks(alice: Persona, model: ScriptedModel, long: None) -> None:
    from agents.code.declaring import forget

    task_id = queued(alice)
    forget("coded")
    run_task(task_id)
    task = alice.status(task_id).json()
    assert (task["status"], task["exit_reason"]) == ("failed", "tool_failed")
    assert task["error"]["message"] == "The code of the agent coded is not part of this installation any more."


def test_a_deploy_is_no_loss(
    alice: Persona, model: ScriptedModel, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(task: str, context: Context) -> str:
        first = await context.model("one")
        return f"{first} {await context.model('two')}"

    agent(slug="coded", description="Does it.")(slow)
    installed()
    monkeypatch.setattr(draining, "STEP_SECONDS", 0.3)
    task_id = queued(alice)
    model.answers("First.")
    hold = model.holds("Never read.")
    running = threading.Thread(target=run_task, args=(task_id,))
    running.start()
    hold.reached()
    draining.begin()
    running.join(10)
    draining.forget()
    assert alice.status(task_id).json()["status"] == "queued"
    model.answers("Second.")
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == "First. Second."
    assert Task.objects.get().losses == 0
    assert model.calls == 3


def test_a_stream_is_resumed(alice: Persona, model: ScriptedModel, installed: Installed) -> None:
    async def says(task: str, context: Context) -> str:
        context.say("Once ")
        await asyncio.sleep(0.05)
        await context.model("one")
        context.say("Twice ")
        await asyncio.sleep(0.05)
        return "Twice told."

    agent(slug="coded", description="Does it.")(says)
    installed()
    whole = queued(alice)
    run_task(whole)
    events = happened(whole)
    for cut in range(len(events)):
        task_id = queued(alice)
        crash(task_id, events[:cut])
        with alice.events(task_id) as stream:
            stream.until("task.started")
            run_task(task_id)
            told = stream.events
        begun = max(index for index, event in enumerate(told) if event.name == "step.started")
        assert "".join(event.data["text"] for event in told[begun:] if event.name == "text.delta") == "Twice told."
        assert told[-1].name == "task.completed"


class TestUnsafe:
    """Calls that may not be made twice are an operator's to settle, as for every agent."""

    @pytest.fixture
    def post(self, alice: Persona) -> Iterator[Post]:
        with post_office() as post:
            yield post

    @pytest.fixture
    def waiting(self, alice: Persona, post: Post, installed: Installed) -> str:
        """A task whose letter broke off, and which waits without holding a worker."""

        def posts(task: str, context: BlockingContext) -> str:
            context.tool("file_copy", to="Ada")
            try:
                return f"Answer: {context.tool('send_letter', to='Ada')}"
            except ToolFailed as error:
                raise AgentError(f"No letter: {error}") from error

        agent(slug="coded", description="Does it.", tools=["send_letter", "file_copy"])(posts)
        installed()
        post.breaks = True
        task_id = queued(alice)
        run_task(task_id)
        post.breaks = False
        return task_id

    def decide(self, operator: django.test.Client, **form: str) -> None:
        outcome = UnknownOutcome.objects.get()
        url = reverse("admin:agents_unknownoutcome_change", args=[outcome.pk])
        assert operator.post(url, form, follow=True).status_code == 200

    def test_it_waits(self, alice: Persona, post: Post, waiting: str) -> None:
        assert alice.status(waiting).json()["status"] == "awaiting_approval"
        assert post.sent == []

    def test_it_goes_on_with_what_the_operator_says(
        self, alice: Persona, post: Post, waiting: str, operator: django.test.Client
    ) -> None:
        self.decide(operator, decision="done", result="Sent at noon.")
        run_task(waiting)
        assert alice.status(waiting).json()["result"] == "Answer: Sent at noon."
        assert post.sent == []
        assert len(set(post.keys)) == len(post.keys) == 1, "what was done is not done again"

    def test_it_calls_again_where_the_operator_says_so(
        self, alice: Persona, post: Post, waiting: str, operator: django.test.Client
    ) -> None:
        self.decide(operator, decision="retry")
        run_task(waiting)
        assert alice.status(waiting).json()["result"] == "Answer: Sent to Ada."
        assert post.sent == ["Ada"]


def test_an_idempotent_call_made_again_has_the_same_key(
    alice: Persona, installed: Installed, model: ScriptedModel
) -> None:
    async def files(task: str, context: Context) -> str:
        return (await asyncio.gather(context.tool("file_copy", to="Ada"), context.model("x")))[0]

    with post_office() as post:
        agent(slug="coded", description="Does it.", tools=["file_copy"])(files)
        installed()
        whole = queued(alice)
        run_task(whole)
        events = happened(whole)
        at = next(index for index, event in enumerate(events) if isinstance(event, e.ToolReturned))
        answered = [event for event in events[:at] if not isinstance(event, e.ToolReturned)]
        task_id = queued(alice)
        crash(task_id, answered)
        run_task(task_id)
        crashed = [key for key in post.keys if key.startswith(task_id)]
        assert len(crashed) == 1
        assert crashed[0].removeprefix(task_id) == post.keys[0].removeprefix(whole)


MODULE = """
from agents.code import Context, agent

@agent(slug="killed", description="Is killed.", tools=["calculator"])
async def killed(task: str, context: Context) -> str:
    first = await context.model("one")
    total = await context.tool("calculator", expression="6*7")
    return f"{first} {total} {await context.model('two')}"
"""
WORKER = "import sys, django; django.setup(); from agents.tasks import run_task; run_task(sys.argv[1])"


def test_a_worker_that_is_killed_costs_nothing_that_was_done(
    alice: Persona, model: ScriptedModel, installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killed_agent.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("killed_agent")
    installed()
    task_id = queued(alice, "killed")
    model.answers("First.")
    hold = model.holds("Never read.")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "agentplatform.settings",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "AGENT_MODULES": "killed_agent",
        "DATABASE_URL": settings.DATABASE_URL,
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "sk-scripted",
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER, task_id], env=environment, cwd=tmp_path)
    try:
        hold.reached(within=30)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert alice.status(task_id).json()["status"] == "running"
    take_over(task_id)
    model.answers("Second.")
    run_task(task_id)
    task = alice.status(task_id).json()
    assert (task["status"], task["result"]) == ("completed", "First. 42 Second.")
    assert model.calls == 3, "the first answer is not asked for again; the second was lost with the process"
    assert Event.objects.filter(task_id=task_id, type="ToolReturned").count() == 1
    assert eventually(lambda: Task.objects.get(pk=task_id).losses) == 1
