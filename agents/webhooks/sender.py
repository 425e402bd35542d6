"""Sends what is due: many receivers side by side, few calls of each, none waited for longer than its time-out.

Runs in the sweeper's process, on an event loop in a thread of its own; several may run.
"""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime

import orjson
from django.conf import settings
from standardwebhooks import Webhook

from agentplatform import metrics
from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents.egress.client import Limits, request
from agents.egress.errors import EgressError
from agents.webhooks import deliveries
from agents.webhooks.deliveries import Message

AT_ONCE = 64
OF_EACH_ENDPOINT = 4
LOOK_SECONDS = 1.0
GONE = 410


class Sender:
    """What is under way now, by endpoint."""

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Task[None], str] = {}

    async def round(self) -> int:
        """Begin what is due and there is room for; returns how many."""
        counted = Counter(self._under_way.values())
        busy = [endpoint for endpoint, number in counted.items() if number >= OF_EACH_ENDPOINT]
        room = AT_ONCE - len(self._under_way)
        messages = await in_database(deliveries.take, room, each=OF_EACH_ENDPOINT, busy=busy) if room else []
        for message in messages:
            sending = asyncio.create_task(send(message))
            self._under_way[sending] = message.endpoint
            sending.add_done_callback(self._under_way.pop)
        return len(messages)

    async def all_sent(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))


async def run(stopping: threading.Event) -> None:
    """Send until told to stop."""
    sender = Sender()
    while not stopping.is_set():
        try:
            begun = await sender.round()
        except Unavailable:
            begun = 0  # the sweeper's own rounds say that the database is away
        if not begun:
            await asyncio.sleep(LOOK_SECONDS)


async def once() -> int:
    """Send all that is due now; returns how many."""
    sender, sent = Sender(), 0
    while begun := await sender.round():
        sent += begun
        await sender.all_sent()
    return sent


async def send(message: Message) -> None:
    """Make one attempt, and write down what came of it. Never raises."""
    status: int | None = None
    try:
        status = await _post(message)
        fault = _fault(status)
    except EgressError as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001  # whatever a receiver makes us stumble over, the others are sent to
        log(__name__).warning("webhook_attempt_broke", delivery_id=str(message.id), error=type(error).__name__)
        fault = "The call broke off."
    try:
        outcome = await in_database(deliveries.note, message.id, status, fault, is_final=status == GONE)
    except Unavailable:
        outcome = "unknown"  # it is due again when its hold is over
    metrics.webhooks_total.labels(outcome).inc()
    task_id = message.body["data"]["task_id"]
    log(__name__).info("webhook", delivery_id=str(message.id), task_id=task_id, outcome=outcome, status=status)


async def _post(message: Message) -> int:
    """The status that the receiver answers. Raises EgressError."""
    body = orjson.dumps(message.body).decode()
    now = datetime.now(UTC)
    signatures = (Webhook(secret).sign(str(message.id), now, body) for secret in message.secrets)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "agentplatform-webhooks",
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    limits = Limits(total_seconds=settings.WEBHOOK_TIMEOUT_SECONDS, max_bytes=0, max_redirects=0)
    answer = await request("POST", message.url, headers=headers, body=body.encode(), limits=limits)
    return answer.status


def _fault(status: int) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if 200 <= status < 300:
        return ""
    told = f"The receiver answered {status}"
    if 300 <= status < 400:
        return f"{told}; redirects are not followed: name the final address."
    return f"{told}, which says that it is gone." if status == GONE else f"{told}."
