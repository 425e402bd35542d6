"""What a stream has told so far: where it stands, and the text that counts. Pure."""

from typing import Any

import httpx2

from agentplatform_client._answers import understood
from agentplatform_client.errors import UnexpectedAnswer
from agentplatform_client.events import KINDS, Event, StepStarted, TaskEnded, TextDelta
from agentplatform_client.models import Task

MOST_EVENT_BYTES = 32 * 1024 * 1024


class Reading:
    """Turns server-sent events into events, and keeps what they amount to."""

    def __init__(self, task_id: str | None = None, last_event_id: str | None = None) -> None:
        self.task_id = task_id
        self.last_event_id = last_event_id
        self.task: Task | None = None
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text of the step under way; of a task that is completed, its result."""
        return "".join(self._pieces)

    def event(self, sent: httpx2.ServerSentEvent) -> Event:
        """The event that was sent. Raises UnexpectedAnswer."""
        data = _object(sent)
        event = understood(KINDS.get(sent.event, Event), {**data, "id": sent.id, "name": sent.event}, "The stream")
        self.task_id = event.task_id or self.task_id
        self.last_event_id = event.id or self.last_event_id
        match event:
            case StepStarted(run="0"):
                # Begun or begun anew: either way the text starts again.
                self._pieces.clear()
            case TextDelta():
                self._pieces.append(event.text)
            case TaskEnded():
                self.task = event.task
        return event


def _object(sent: httpx2.ServerSentEvent) -> dict[str, Any]:
    try:
        data = sent.json()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise UnexpectedAnswer(f"The stream has an event “{sent.event}” that is no JSON object.")
    return data
