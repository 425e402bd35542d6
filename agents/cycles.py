"""Agents whose delegates lead back to them: each would wait for itself."""

from collections.abc import Collection, Mapping


def way_back(slug: str, delegates: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """A shortest way from an agent over delegates to itself, both ends included; empty when there is none."""
    ways: dict[str, tuple[str, ...]] = {slug: (slug,)}
    waiting = [slug]
    for name in waiting:
        for delegate in delegates.get(name, ()):
            if delegate == slug:
                return (*ways[name], slug)
            if delegate not in ways:
                ways[delegate] = (*ways[name], delegate)
                waiting.append(delegate)
    return ()


def told(way: Collection[str]) -> str:
    """The fault in words, for whoever wrote it."""
    return f"its delegates lead back to it: {' → '.join(way)}"
