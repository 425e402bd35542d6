"""Which agent is at work in which run of a task, as its journal tells it line by line."""

from agents.engine import events as e

Cast = dict[str, str]


def note(cast: Cast, event: e.Event) -> None:
    """Take note of who begins a run, or goes on with it."""
    match event:
        case e.TaskAccepted():
            cast[e.ROOT] = event.agent
        case e.DelegateStarted():
            cast[event.child] = event.agent
        case e.HandedOver():
            cast[event.run] = event.agent
