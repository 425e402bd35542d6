"""A search of the web, by the provider that the operator has set up."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.conf import settings

from agents.egress import client, permits
from agents.egress.client import Limits
from agents.egress.errors import EgressError
from agents.tools.tool import ToolError, tool

MAX_QUERY_CHARACTERS = 400
MAX_RESULTS = 6
MAX_TITLE_CHARACTERS = 150
MAX_SNIPPET_CHARACTERS = 400
MAX_URL_CHARACTERS = 500
LIMITS: Final = Limits(total_seconds=15, max_bytes=2 * 1024 * 1024, max_redirects=0)
TAG = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class Provider:
    """How a search is asked for, and where its answer has the results. `snippet` is the field with a page's summary."""

    default_url: str
    ask: Callable[[str, str, str], tuple[str, str, dict[str, str], bytes | None]]
    results: Callable[[Any], Any]
    snippet: str


def _searxng(url: str, key: str, query: str) -> tuple[str, str, dict[str, str], bytes | None]:
    """docs.searxng.org/dev/search_api.html; a key is for a proxy before it."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return "GET", f"{url}/search?{urlencode({'q': query, 'format': 'json'})}", headers, None


def _brave(url: str, key: str, query: str) -> tuple[str, str, dict[str, str], bytes | None]:
    """api-dashboard.search.brave.com/app/documentation/web-search."""
    asked = {"q": query, "count": MAX_RESULTS, "text_decorations": "false"}
    return "GET", f"{url}/res/v1/web/search?{urlencode(asked)}", {"X-Subscription-Token": key}, None


def _tavily(url: str, key: str, query: str) -> tuple[str, str, dict[str, str], bytes | None]:
    """docs.tavily.com/documentation/api-reference/endpoint/search."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return "POST", f"{url}/search", headers, orjson.dumps({"query": query, "max_results": MAX_RESULTS})


PROVIDERS = {
    "searxng": Provider("", _searxng, lambda answer: answer["results"], "content"),
    # Without results, Brave leaves `web` out.
    "brave": Provider(
        "https://api.search.brave.com",
        _brave,
        lambda answer: (answer.get("web") or {}).get("results", []),
        "description",
    ),
    "tavily": Provider("https://api.tavily.com", _tavily, lambda answer: answer["results"], "content"),
}


def not_set_up() -> str:
    """Why there is no search, or nothing when there is."""
    is_set_up = settings.WEB_SEARCH_PROVIDER in PROVIDERS
    return "" if is_set_up else "No web search is set up here; the setting is WEB_SEARCH_PROVIDER."


@tool(effect="pure", timeout_seconds=20, unavailable=not_set_up)
async def web_search(query: str) -> str:
    """Search the web. Gives the titles, addresses and summaries of the best pages; web_fetch reads one of them.

    Args:
        query: What to look for, in a few words.
    """
    query = " ".join(query.split())
    if not 1 <= len(query) <= MAX_QUERY_CHARACTERS:
        raise ToolError(f"A query has 1 to {MAX_QUERY_CHARACTERS} characters; this one has {len(query)}.")
    found = await _results(PROVIDERS[settings.WEB_SEARCH_PROVIDER], query)
    return "\n\n".join(found) or f"Nothing was found for {query!r}; try fewer or other words."


async def _results(provider: Provider, query: str) -> list[str]:
    url = (settings.WEB_SEARCH_URL or provider.default_url).rstrip("/")
    method, address, headers, body = provider.ask(url, settings.WEB_SEARCH_API_KEY, query)
    try:
        answer = await client.request(
            method, address, headers={"Accept": "application/json", **headers}, body=body, limits=LIMITS,
            permits=permits.of_url(url),
        )  # fmt: skip
    except EgressError as error:
        raise ToolError("The search cannot be reached now. It may work later.") from error
    if answer.status in (401, 403):
        raise ToolError(
            "The search refuses this platform. Its operator has to see to the key, or permit the JSON format."
        )
    if answer.status == 429:
        raise ToolError("The search asks to wait: there were too many searches. Try again later, or do without.")
    if not answer.is_success:
        raise ToolError(f"The search answered {answer.told}. It may work later.")
    try:
        results = provider.results(orjson.loads(answer.body))
        return [told for told in (_told(each, provider.snippet) for each in results) if told][:MAX_RESULTS]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ToolError("The search sent an answer that cannot be read. It may work later.") from error


def _told(result: Mapping[str, Any], snippet: str) -> str:
    """One result on three lines; nothing for what is no page."""
    url = str(result["url"])
    if not url.startswith(("http://", "https://")) or len(url) > MAX_URL_CHARACTERS:
        return ""
    title = _plain(result.get("title"), MAX_TITLE_CHARACTERS) or "Without a title"
    return "\n".join(filter(None, (title, url, _plain(result.get(snippet), MAX_SNIPPET_CHARACTERS))))


def _plain(text: object, most: int) -> str:
    """The text on one line, without the marks that providers put around the words searched for."""
    plain = " ".join(html.unescape(TAG.sub("", str(text or "")[: 10 * most])).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
