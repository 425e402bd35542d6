"""The client's two halves behind one face, so that each test is written once: `Agentplatform`, and `AsyncAgentplatform`."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

from anyio.from_thread import BlockingPortal

from agentplatform_client import Agentplatform, AsyncAgentplatform


class Awaited:
    """An async object for plain code: what it gives is awaited on the portal's loop."""

    def __init__(self, inner: Any, portal: BlockingPortal) -> None:
        self._inner = inner
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, "aclose" if name == "close" else name)
        if callable(found):
            return lambda *values, **named: self._given(self._portal.call(_called, found, values, named))
        return self._given(found)

    def __iter__(self) -> Iterator[Any]:
        iterator: AsyncIterator[Any] = self._inner.__aiter__()
        while (item := self._portal.call(_next, iterator)) is not _END:
            yield item

    def __enter__(self) -> "Awaited":
        return self

    def __exit__(self, *_: object) -> None:
        self._portal.call(self._inner.aclose)

    def __repr__(self) -> str:
        return repr(self._inner)

    def _given(self, value: Any) -> Any:
        is_ours = type(value).__module__.startswith("agentplatform_client._async") or inspect.isasyncgen(value)
        return Awaited(value, self._portal) if is_ours else value


_END = object()


async def _called(function: Callable[..., Any], values: tuple[Any, ...], named: dict[str, Any]) -> Any:
    given = function(*values, **named)
    return await given if inspect.isawaitable(given) else given


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator, _END)


def sync_half(portal: BlockingPortal, *values: Any, **named: Any) -> Agentplatform:
    """The client for plain calls."""
    return Agentplatform(*values, **named)


def async_half(portal: BlockingPortal, *values: Any, **named: Any) -> Agentplatform:
    """The client to await, as if it were the other; made on its own loop."""

    async def made() -> AsyncAgentplatform:
        return AsyncAgentplatform(*values, **named)

    return cast(Agentplatform, Awaited(portal.call(made), portal))


HALVES = {"sync": sync_half, "async": async_half}
