"""The agents' API. A view parses, calls one service, and renders."""

import hashlib
import re
import time
from uuid import UUID

import orjson
import structlog
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts.limiter.values import Charge
from accounts.limits import Admission
from accounts.permissions import KeyView
from agentplatform import metrics, tracing
from agentplatform.database import in_database
from agentplatform.errors import (
    FieldError,
    Forbidden,
    InjectionDetected,
    InvalidRequest,
    PlatformError,
    TaskFailed,
    translated,
)
from agentplatform.middleware import request_id_of
from agentplatform.rendering import EventStreamRenderer, JSONRenderer, json_response
from agents import documentation, listing, running, schemas, services
from agents.engine.topics import OFF_TOPIC
from agents.estimates import documentation as estimate_documentation
from agents.estimates.schemas import EstimateObject
from agents.estimates.service import estimate
from agents.models import Task
from agents.narration import Position
from agents.orders import Accepted, Order
from agents.presenting import task_object
from agents.sse import event_stream
from agents.teams import offers

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
EVENT_ID = re.compile(r"(\d{1,9})-(\d{1,9})")
POLL_AFTER_SECONDS = "1"
Mode = Task.Mode


class OrderView(KeyView):
    """The base of views that take an order for a task, and count it themselves."""

    scope = "execute"
    with_body = frozenset({"POST"})
    limited_by_itself = True

    def _order(self) -> Order:
        body = self.body(schemas.ExecuteRequest)
        is_streamed = body.stream or self.request.accepted_renderer.format == EventStreamRenderer.format
        if body.async_execution and body.stream:
            raise InvalidRequest([FieldError("stream", "invalid", "Choose one: async_execution or stream.")])
        mode = Mode.BACKGROUND if body.async_execution else Mode.STREAM if is_streamed else Mode.SYNC
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest(
                [FieldError("Idempotency-Key", "invalid", "It takes 1 to 255 visible ASCII characters.")]
            )
        digest = hashlib.sha256(orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).digest()
        return Order(self.request.caller, body, mode, request_id_of(self.request._request), key, digest)


class ExecuteView(OrderView):
    """Run a task: in the request, in the background, or streamed."""

    with_query = frozenset({"POST"})
    renderer_classes = (JSONRenderer, EventStreamRenderer)

    @documentation.execute
    async def post(self, request: Request) -> HttpResponseBase:
        began, agent_type, outcome = time.perf_counter(), "unknown", "abandoned"
        try:
            with_delegates = self.query(schemas.StreamQuery).include == "delegates"
            order = self._order()
            if with_delegates and order.mode != Mode.STREAM:
                raise InvalidRequest([FieldError("include", "invalid", "Only of a task that is streamed.")])
            if order.request.agent_type in await offers():
                agent_type = order.request.agent_type
            accepted = await services.execute(order, admit=self._admit)
            structlog.contextvars.bind_contextvars(task_id=str(accepted.task_id))  # for the access line
            if tracing.is_on():
                tracing.note({"agentplatform.task.id": str(accepted.task_id), "agentplatform.cache": accepted.cache})
            if accepted.is_replayed:
                await self.take("calls")
            outcome = accepted.task.status if accepted.task else "running"
            return await self._answer(order, accepted, with_delegates=with_delegates)
        except Exception as error:
            outcome = _outcome(translated(error))
            raise
        finally:
            metrics.requests_total.labels(agent_type, outcome, self.request.caller.tier).inc()
            metrics.request_duration_seconds.labels(agent_type).observe(time.perf_counter() - began)

    async def _admit(self, charge: Charge) -> Admission:
        return await self.take("requests", charge)

    async def _answer(self, order: Order, accepted: Accepted, *, with_delegates: bool) -> HttpResponseBase:
        headers = {"X-Cache": accepted.cache, **({"Idempotent-Replayed": "true"} if accepted.is_replayed else {})}
        if order.mode == Mode.STREAM:
            return event_stream(
                accepted.task_id,
                with_delegates=with_delegates,
                on_gone=lambda: running.abandon(order, accepted.task_id),
                is_welcome=self.is_still_welcome,
                headers=headers,
            )
        task = accepted.task or await services.look(order.caller, accepted.task_id, wait_seconds=60)
        if order.mode == Mode.SYNC and task.is_final:
            return _ended(task, headers)
        headers |= {"Location": f"/agent/status/{task.pk}", "Retry-After": POLL_AFTER_SECONDS}
        return json_response(task_object(task), status=202, headers=headers)


class EstimateView(OrderView):
    """What a task would cost, and whether it would be admitted."""

    @estimate_documentation.estimate
    async def post(self, request: Request) -> HttpResponseBase:
        """Tell what execute would make of the same body, without running it: nothing is spent, written or called."""
        order = self._order()
        await self.take("estimates")
        return json_response(EstimateObject.of(await estimate(order)))


class StatusView(KeyView):
    """A task as it stands."""

    scope = "read"
    with_query = frozenset({"GET"})

    @documentation.status
    async def get(self, request: Request, task_id: UUID) -> HttpResponseBase:
        query = self.query(schemas.StatusQuery)
        task = await services.look(self.request.caller, task_id, wait_seconds=query.wait)
        steps = await in_database(listing.steps, task_id) if query.include == "steps" else None
        headers = {} if task.is_final else {"Retry-After": POLL_AFTER_SECONDS}
        return json_response(task_object(task, steps), headers=headers)


class EventsView(KeyView):
    """A task's events, from the start or from Last-Event-ID, during and after the run."""

    scope = "read"
    with_query = frozenset({"GET"})
    renderer_classes = (EventStreamRenderer, JSONRenderer)

    @documentation.events
    async def get(self, request: Request, task_id: UUID) -> HttpResponseBase:
        after = position_of(self.request.headers.get("Last-Event-ID"))
        with_delegates = self.query(schemas.StreamQuery).include == "delegates"
        task = await services.look(self.request.caller, task_id)
        if after[0] > task.last_seq:
            told = f"It is no event of this task, which has {task.last_seq} so far. Without the header all are sent."
            raise InvalidRequest([FieldError("Last-Event-ID", "invalid", told)])
        return event_stream(task_id, after=after, with_delegates=with_delegates, is_welcome=self.is_still_welcome)


class CancelView(KeyView):
    """Stop a task. Idempotent; an ended task is returned as it is."""

    scope = "execute"

    @documentation.cancel
    async def post(self, request: Request, task_id: UUID) -> HttpResponseBase:
        return json_response(task_object(await services.cancel(self.request.caller, task_id)))


class ApproveView(KeyView):
    """Answer a pending approval."""

    scope = "execute"
    with_body = frozenset({"POST"})

    @documentation.approve
    async def post(self, request: Request, task_id: UUID) -> HttpResponseBase:
        body = self.body(schemas.ApproveRequest)
        return json_response(task_object(await services.approve(self.request.caller, task_id, body)))


class TasksView(KeyView):
    """The caller's tasks, newest first."""

    scope = "read"
    with_query = frozenset({"GET"})

    @documentation.tasks
    async def get(self, request: Request) -> HttpResponseBase:
        query = self.query(schemas.ListQuery)
        tasks, cursor = await in_database(listing.page, self.request.caller.client_id, query)
        return json_response(schemas.TaskPage(tasks=[task_object(task) for task in tasks], next_cursor=cursor))


class TypesView(KeyView):
    """The agents this key may call."""

    scope = "read"

    @documentation.types
    async def get(self, request: Request) -> HttpResponseBase:
        allowed = self.request.caller.allowed_agent_types
        known = await offers()
        agents = [listing.agent_type(known[slug]) for slug in sorted(known) if not allowed or slug in allowed]
        return json_response(schemas.AgentTypes(agents=agents))


def _outcome(error: PlatformError) -> str:
    """The `status` label of a request that ended in an error; agent_refusals_total tells refusals apart."""
    if "task" in error.members:
        return "failed"
    return "refused" if error.status < 500 else "error"


def _ended(task: Task, headers: dict[str, str]) -> HttpResponse:
    """The answer to a task run in the request, by how it ended. Raises TaskFailed, Forbidden or InjectionDetected.

    `guardrail_blocked` is a person's no, another topic than the agent's, or a result that reads as if an attack had worked.
    """
    shown = task_object(task)
    if task.status != Task.Status.FAILED:
        return json_response(shown, headers=headers)
    members = shown.model_dump(mode="json")
    told = task.error["message"] if task.error else ""
    error: PlatformError
    if task.exit_reason == "guardrail_blocked" and task.answers:
        error = Forbidden(told, members={"rule": "approval", "task": members})
    elif task.exit_reason == "guardrail_blocked" and task.guard_rule == OFF_TOPIC:
        error = Forbidden(told, members={"rule": OFF_TOPIC, "task": members})
    elif task.exit_reason == "guardrail_blocked":
        error = InjectionDetected(told, rule=task.guard_rule or "mid_run", score=1.0, members={"task": members})
    else:
        error = TaskFailed(task.exit_reason, told, members)
    error.headers |= headers
    raise error


def position_of(event_id: str | None) -> Position:
    """Where a stream goes on, by the header Last-Event-ID; the beginning without one. Raises InvalidRequest."""
    if event_id is None:
        return (0, 0)
    if (match := EVENT_ID.fullmatch(event_id.strip())) is None:
        raise InvalidRequest(
            [FieldError("Last-Event-ID", "invalid", "It takes the id of an event of this task, such as 3-120.")]
        )
    return (int(match[1]), int(match[2]))
