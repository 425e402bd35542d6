"""The client: a method for each thing that the platform does."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Literal, Self, Unpack
from uuid import UUID

import anyio
import httpx2

from agentplatform_client._answers import completed
from agentplatform_client._async.conversations import AsyncConversations
from agentplatform_client._async.keys import AsyncKeys
from agentplatform_client._async.stream import AsyncTaskStream
from agentplatform_client._async.transport import AsyncTransport
from agentplatform_client._deadlines import Deadline
from agentplatform_client._reading import Reading
from agentplatform_client._requests import (
    DELEGATES,
    POLL_SECONDS,
    READ_SECONDS,
    Request,
    TaskOptions,
    json_value,
    order,
    query,
    task_path,
)
from agentplatform_client._retries import Retry
from agentplatform_client._settings import KEY_VARIABLE, URL_VARIABLE, Settings, checked_key, checked_url, found
from agentplatform_client.errors import TaskFailed
from agentplatform_client.models import (
    Account,
    AgentType,
    AgentTypes,
    Estimate,
    Feedback,
    Health,
    Task,
    TaskPage,
    Usage,
)

LONGEST_PAUSE_SECONDS = 10.0


class AsyncAgentplatform:
    """An Agentplatform, as the owner of one API key uses it. Close it, or use it as a context manager.

    `base_url` and `api_key` come from AGENTPLATFORM_URL and AGENTPLATFORM_API_KEY where they are not given. Seconds:
    `timeout` is for one plain call with all its retries (None: no limit); `retry_for` is how long a server that is away is
    tried again (0: not at all), `connect_for` the same for one that was never reached. `on_retry` is told of each retry.
    `http_client` brings proxies, certificates and the like of your own. Raises ConfigurationError.
    """

    def __init__(  # noqa: PLR0913  # each is an option that most leave out
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = 90.0,
        retry_for: float = 60.0,
        connect_for: float = 10.0,
        on_retry: Callable[[Retry], object] | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings(
            base_url=checked_url(found(base_url, URL_VARIABLE, "URL of the platform")),
            api_key=checked_key(found(api_key, KEY_VARIABLE, "API key")),
            timeout=timeout,
            retry_for=retry_for,
            connect_for=connect_for,
        )
        self._transport = AsyncTransport(settings, http_client, on_retry)
        self.keys = AsyncKeys(self._transport)
        self.conversations = AsyncConversations(self._transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.settings.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def run(
        self, task: str, *, timeout: float | None = None, check: bool = True, **options: Unpack[TaskOptions]
    ) -> Task:
        """Run a task and wait for its end; `options` are those of TaskOptions.

        However often the connection breaks, the task runs once. One that waits for a person's approval is waited for.
        `timeout` is in seconds, None waits as long as it takes. Raises TaskFailed where the task ends without a result (with
        `check=False` it is given all the same), DeadlinePassed, ApiError or ConnectionFailed.
        """
        if options.get("on_disconnect") == "cancel":
            # A stream is never silent for long, so a connection counts as lost only when it is.
            return await self.stream(task, timeout=timeout, **options).until_done(check=check)
        request = order(task, options)
        deadline = Deadline(timeout, idempotency_key=request.headers["Idempotency-Key"])
        try:
            answer = await self._transport.call(request, Task, deadline)
        except TaskFailed as error:
            answer = error.task
        if not answer.is_ended:
            return await self._wait(answer.task_id, deadline, check=check)
        return completed(answer) if check else answer

    async def start(self, task: str, **options: Unpack[TaskOptions]) -> Task:
        """Have a task run in the background, and return as soon as it is accepted. It then survives the loss of any process."""
        return await self._transport.call(order(task, options, async_execution=True), Task)

    def stream(
        self,
        task: str,
        *,
        timeout: float | None = None,
        include_delegates: bool = False,
        **options: Unpack[TaskOptions],
    ) -> AsyncTaskStream:
        """Run a task and give its events as they happen, to its end; see AsyncTaskStream. `timeout` is in seconds.

        `include_delegates`: a DelegateDelta for each piece that other agents write, too.
        """
        params = DELEGATES if include_delegates else {}
        request = order(task, options, params=params, stream=True)
        deadline = Deadline(timeout, idempotency_key=request.headers["Idempotency-Key"])
        return AsyncTaskStream(self._transport, request, Reading(), deadline, params)

    def events(
        self,
        task_id: str | UUID,
        *,
        after: str | None = None,
        timeout: float | None = None,
        include_delegates: bool = False,
    ) -> AsyncTaskStream:
        """Give the events of a task, from its start or after the event with that id, during and after the run.

        `include_delegates`: a DelegateDelta for each piece that other agents write from now on, too.
        """
        params = DELEGATES if include_delegates else {}
        deadline = Deadline(timeout, str(task_id))
        return AsyncTaskStream(self._transport, None, Reading(str(task_id), after), deadline, params)

    async def wait(self, task_id: str | UUID, *, timeout: float | None = None, check: bool = True) -> Task:
        """Wait for a task's end and give it. Raises as `run` does."""
        return await self._wait(str(task_id), Deadline(timeout, str(task_id)), check=check)

    async def status(self, task_id: str | UUID, *, wait: float = 0, include_steps: bool = False) -> Task:
        """Give a task as it stands: at once, or after `wait` seconds (60 at most) unless it ends before.

        A task that failed is given like any other.
        """
        include = "steps" if include_steps else None
        params = query(wait=wait or None, include=include)
        request = Request("GET", task_path("status", task_id), True, params=params, read_seconds=wait + READ_SECONDS)
        return await self._transport.call(request, Task)

    async def cancel(self, task_id: str | UUID) -> Task:
        """Stop a task, and give it as it stands. One that has ended is not changed."""
        return await self._transport.call(Request("POST", task_path("cancel", task_id), True), Task)

    async def approve(
        self,
        task_id: str | UUID,
        approval_id: str,
        *,
        decision: Literal["approve", "reject"] = "approve",
        comment: str | None = None,
    ) -> Task:
        """Answer a question for which a task waits. Raises Conflict when it is not pending, as when it was answered already."""
        body = {"approval_id": approval_id, "decision": decision, **({"comment": comment} if comment else {})}
        return await self._transport.call(Request("POST", task_path("approve", task_id), False, body=body), Task)

    async def tasks(
        self,
        *,
        status: str | None = None,
        agent_type: str | None = None,
        conversation_id: str | UUID | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 50,
    ) -> AsyncIterator[Task]:
        """Give your client's tasks, newest first, page by page as they are asked for."""
        filters = query(
            status=status,
            agent_type=agent_type,
            conversation_id=conversation_id,
            created_after=created_after,
            created_before=created_before,
            limit=page_size,
        )
        cursor: str | None = None
        while True:
            request = Request("GET", "/agent/tasks", True, params=filters | query(cursor=cursor))
            page = await self._transport.call(request, TaskPage)
            for task in page.tasks:
                yield task
            cursor = page.next_cursor
            if cursor is None:
                return

    async def agent_types(self) -> tuple[AgentType, ...]:
        """Give the agents that your key may call."""
        return (await self._transport.call(Request("GET", "/agent/types", True), AgentTypes)).agents

    async def estimate(self, task: str, **options: Unpack[TaskOptions]) -> Estimate:
        """Tell what a task would cost and whether it would be admitted. It spends nothing."""
        return await self._transport.call(order(task, options, path="estimate"), Estimate)

    async def usage(self, *, from_: date | None = None, to: date | None = None) -> Usage:
        """Tell what your client used in these days, both included (UTC), and what is left of its limits."""
        return await self._transport.call(Request("GET", "/agent/usage", True, params=query(from_=from_, to=to)), Usage)

    async def usage_csv(self, *, from_: date | None = None, to: date | None = None) -> str:
        """Give the same as a table: a line for each day, agent and key."""
        params = query(from_=from_, to=to, format="csv")
        return (await self._transport.send(Request("GET", "/agent/usage", True, params=params))).text

    async def feedback(
        self,
        task_id: str | UUID,
        rating: int,
        *,
        comment: str | None = None,
        tags: Sequence[str] = (),
        correction: str | None = None,
    ) -> Feedback:
        """Say what you thought of a task's result, from 1 (useless) to 5 (just right). Said again, it replaces what was said."""
        body = {
            "task_id": str(task_id),
            "rating": rating,
            "comment": comment,
            "tags": list(tags),
            "correction": correction,
        }
        return await self._transport.call(Request("POST", "/agent/feedback", True, body=json_value(body)), Feedback)

    async def feedback_of(self, task_id: str | UUID) -> Feedback:
        """Give what was said about a task. Raises NotFound when nothing was."""
        return await self._transport.call(Request("GET", task_path("feedback", task_id), True), Feedback)

    async def account(self) -> Account:
        """Tell who calls, and what is left of the limits."""
        return await self._transport.call(Request("GET", "/account", True), Account)

    async def health(self) -> Health:
        """Tell how the platform is. It answers 503 when it is unhealthy; that is given as well, not raised."""
        return await self._transport.call(Request("GET", "/health", True, accepted=(200, 503)), Health)

    async def _wait(self, task_id: str, deadline: Deadline, *, check: bool) -> Task:
        deadline.task_id = task_id
        pause = 0.25
        while True:
            deadline.check()
            # Half a second before the deadline, so that the answer still comes in time.
            asked, began = max(0.0, min(POLL_SECONDS, deadline.left - 0.5)), time.monotonic()
            request = Request(
                "GET", task_path("status", task_id), True, params={"wait": asked}, read_seconds=asked + READ_SECONDS
            )
            task = await self._transport.call(request, Task, deadline)
            if task.is_ended:
                return completed(task) if check else task
            # An answer that comes early means that the server is being replaced, or that the task waits for a person.
            if time.monotonic() - began < max(asked, 1.0) / 2:
                await anyio.sleep(min(pause, max(deadline.left, 0)))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
