"""Keeping what an API's document says: from its text, or fetched from its URL."""

import asyncio

from agents.egress import client as egress
from agents.egress.client import Limits
from agents.egress.errors import EgressError
from agents.http_apis import document as documents
from agents.http_apis.document import MAX_DOCUMENT_BYTES, BadDocument, Document
from agents.http_apis.models import HttpApi
from agents.toolsets import storing
from agents.toolsets.storing import Changes

FETCHED = Limits(total_seconds=30, max_bytes=MAX_DOCUMENT_BYTES, max_redirects=3)


class CannotLookUp(Exception):
    """There is no document that could be used. The message is for operators."""


def look_up(api: HttpApi) -> Changes:
    """Fetch the document, where it has a URL, and keep its operations. From a plain thread.

    Raises CannotLookUp, whose reason is kept with the API; what was there before stays.
    """
    try:
        text = asyncio.run(_fetched(api.document_url)) if api.document_url else api.document
        document = documents.read(text)
        if not (api.base_url or document.base_url(api.document_url)):
            raise CannotLookUp("The document names no server; enter the base URL of the API.")
    except (CannotLookUp, BadDocument) as error:
        storing.store_fault(api, str(error))
        raise CannotLookUp(str(error)) from error
    return keep(api, text, document)


def keep(api: HttpApi, text: str, document: Document) -> Changes:
    """Keep a document that was read. A base URL that is set stays: a document shall not lead credentials elsewhere."""
    api.document, api.title, api.asks_for = text, document.title, document.asks_for[:500]
    api.base_url = api.base_url or document.base_url(api.document_url)
    api.save(update_fields=["document", "title", "asks_for", "base_url"])
    return storing.store(api, document.operations)


async def _fetched(url: str) -> str:
    try:
        answer = await egress.request(
            "GET", url, headers={"Accept": "application/json, application/yaml, */*"}, limits=FETCHED
        )
    except EgressError as error:
        raise CannotLookUp(f"The document cannot be fetched: {error}") from error
    if not answer.is_success:
        raise CannotLookUp(f"The document cannot be fetched: its URL answers {answer.told}.")
    if answer.is_cut:
        raise CannotLookUp(f"The document is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB.")
    try:
        return answer.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotLookUp("The document is no text in UTF-8.") from error
