"""A search of the web, by each provider in the form that it really answers in."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from agents.tools import registry
from agents.tools.registry import Outcome
from tests.outside import OutsideServer, serving

# docs.searxng.org/dev/search_api.html, with `format=json`.
SEARXNG = {
    "query": "pears",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://example.com/pears",
            "title": "Pears & apples",
            "content": "All about\npears.",
            "thumbnail": "",
            "engine": "duckduckgo",
            "parsed_url": ["https", "example.com", "/pears", "", "", ""],
            "template": "default.html",
            "engines": ["duckduckgo"],
            "positions": [1],
            "score": 1.0,
            "category": "general",
        },
        {"url": "https://example.org/2", "title": "Second", "content": None, "engine": "brave", "score": 0.5},
    ],
    "answers": [],
    "corrections": [],
    "infoboxes": [],
    "suggestions": ["pear tree"],
    "unresponsive_engines": [["google", "timeout"]],
}
# api-dashboard.search.brave.com/app/documentation/web-search/responses.
BRAVE = {
    "type": "search",
    "query": {
        "original": "pears",
        "show_strict_warning": False,
        "is_navigational": False,
        "more_results_available": True,
    },
    "mixed": {"type": "mixed", "main": [{"type": "web", "index": 0, "all": False}], "top": [], "side": []},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "Pears &amp; apples",
                "url": "https://example.com/pears",
                "is_source_local": False,
                "is_source_both": False,
                "description": "All about <strong>pears</strong>.",
                "page_age": "2026-01-02T03:04:05",
                "profile": {"name": "Example", "url": "https://example.com", "long_name": "example.com", "img": ""},
                "language": "en",
                "family_friendly": True,
                "type": "search_result",
                "subtype": "generic",
                "meta_url": {"scheme": "https", "netloc": "example.com", "hostname": "example.com", "path": "› pears"},
                "age": "January 2, 2026",
            },
            {"title": "Second", "url": "https://example.org/2", "type": "search_result"},
        ],
        "family_friendly": True,
    },
}
# docs.tavily.com/documentation/api-reference/endpoint/search.
TAVILY = {
    "query": "pears",
    "answer": None,
    "images": [],
    "results": [
        {
            "title": "Pears & apples",
            "url": "https://example.com/pears",
            "content": "All about pears.",
            "score": 0.81025416,
            "raw_content": None,
            "favicon": "https://example.com/favicon.ico",
        },
        {"title": "Second", "url": "https://example.org/2", "content": "", "score": 0.4, "raw_content": None},
    ],
    "response_time": 1.67,
    "request_id": "123e4567-e89b-12d3-a456-426614174111",
}
FORMS = {"searxng": ("/search", SEARXNG), "brave": ("/res/v1/web/search", BRAVE), "tavily": ("/search", TAVILY)}
TOLD = "Pears & apples\nhttps://example.com/pears\nAll about pears.\n\nSecond\nhttps://example.org/2"

Provide = Callable[..., OutsideServer]


@pytest.fixture
def provide(settings: Settings, request: pytest.FixtureRequest) -> Provide:
    """Set up a provider that answers so; what operators permit to all tools does not have it."""

    def provided(provider: str, answer: Any, **more: Any) -> OutsideServer:
        context = serving()
        server = context.__enter__()
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        body = answer if isinstance(answer, (str, bytes)) else json.dumps(answer)
        server.on(FORMS[provider][0], body, Content_Type="application/json", **more)
        settings.WEB_SEARCH_PROVIDER = provider
        settings.WEB_SEARCH_URL = server.url
        settings.WEB_SEARCH_API_KEY = "" if provider == "searxng" else "secret-key"
        return server

    return provided


def search(query: str) -> Outcome:
    return asyncio.run(registry.call("web_search", json.dumps({"query": query})))


@pytest.mark.parametrize("provider", FORMS)
def test_it_gives_title_address_and_summary(provide: Provide, provider: str) -> None:
    provide(provider, FORMS[provider][1])
    assert search("pears") == Outcome(TOLD)


def test_searxng_is_asked_for_json(provide: Provide) -> None:
    [call] = _asked(provide("searxng", SEARXNG))
    assert (call.command, parse_qs(urlsplit(call.path).query)) == ("GET", {"q": ["sweet pears"], "format": ["json"]})
    assert "Authorization" not in call.headers


def test_brave_is_asked_with_its_token(provide: Provide) -> None:
    [call] = _asked(provide("brave", BRAVE))
    query = parse_qs(urlsplit(call.path).query)
    assert (call.command, query["q"], query["count"]) == ("GET", ["sweet pears"], ["6"])
    assert call.headers["X-Subscription-Token"] == "secret-key"


def test_tavily_is_asked_with_its_key(provide: Provide) -> None:
    [call] = _asked(provide("tavily", TAVILY))
    assert (call.command, json.loads(call.body)) == ("POST", {"query": "sweet pears", "max_results": 6})
    assert call.headers["Authorization"] == "Bearer secret-key"


def _asked(server: OutsideServer) -> list[Any]:
    search(" sweet\n pears ")
    return server.calls


@pytest.mark.parametrize(
    ("provider", "empty"),
    [("searxng", {**SEARXNG, "results": []}), ("brave", {"type": "search"}), ("tavily", {**TAVILY, "results": []})],
)
def test_nothing_found_is_no_error(provide: Provide, provider: str, empty: Any) -> None:
    provide(provider, empty)
    assert search("pears") == Outcome("Nothing was found for 'pears'; try fewer or other words.")


def test_results_are_bounded(provide: Provide) -> None:
    long = {"url": "https://example.com/", "title": "t" * 10_000, "content": "<b>c</b> " * 10_000}
    odd = [{"url": "javascript:alert(1)", "title": "x"}, {"url": f"https://example.com/{'u' * 3000}", "title": "x"}]
    provide("searxng", {"results": [*odd, *[long] * 10]})
    output = search("pears").output
    assert output.count("https://example.com/") == 6
    assert len(output) < 4000
    assert "javascript" not in output
    assert "…" in output


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "The search refuses this platform."),
        (403, "The search refuses this platform."),
        (429, "The search asks to wait"),
        (500, "The search answered 500 Internal Server Error."),
        (302, "The search answered 302 Found."),
    ],
)
def test_a_refusal_is_told(provide: Provide, status: int, told: str) -> None:
    provide("brave", "secret-key", status=status, Location="http://127.0.0.1:1/")
    outcome = search("pears")
    assert outcome.is_error
    assert outcome.output.startswith(told)
    assert "secret-key" not in outcome.output


@pytest.mark.parametrize("answer", ["<html>", "[]", "null", '{"results": 5}', '{"results": [5]}', '{"results": [{}]}'])
def test_nonsense_is_told(provide: Provide, answer: str) -> None:
    provide("tavily", answer)
    assert search("pears") == Outcome(
        "The search sent an answer that cannot be read. It may work later.", is_error=True
    )


def test_a_provider_that_is_away_is_told_without_its_address(settings: Settings) -> None:
    settings.WEB_SEARCH_PROVIDER, settings.WEB_SEARCH_URL = "searxng", "http://127.0.0.1:1"
    assert search("pears") == Outcome("The search cannot be reached now. It may work later.", is_error=True)


@pytest.mark.parametrize("query", ["", " ", "x" * 401])
def test_a_query_that_is_none_is_told(provide: Provide, query: str) -> None:
    server = provide("searxng", SEARXNG)
    assert "A query has 1 to 400 characters" in search(query).output
    assert server.calls == []


def test_the_provider_is_not_opened_to_other_tools(provide: Provide) -> None:
    server = provide("searxng", SEARXNG)
    fetched = asyncio.run(registry.call("web_fetch", json.dumps({"url": f"{server.url}/search?q=x"})))
    assert fetched == Outcome("127.0.0.1 is not on the public internet.", is_error=True)
    assert server.calls == []


def test_without_a_provider_no_model_is_told_of_it(settings: Settings) -> None:
    settings.WEB_SEARCH_PROVIDER = "none"
    assert registry.functions(["web_search"]) == ()
    assert search("pears") == Outcome(
        "No web search is set up here; the setting is WEB_SEARCH_PROVIDER.", is_error=True
    )
