"""Credentials of other services: encrypted where they are kept, and under new keys when those change."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from agentplatform import credentials
from agents.mcp_servers.models import McpServer

OLD, NEW, OTHER = "old " * 10, "new " * 10, "other " * 10
TOKEN = {"Authorization": "Bearer t0ken"}


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.CREDENTIALS_KEYS = [OLD]


def server(sealed: str) -> McpServer:
    return McpServer.objects.create(name="desk", url="https://mcp.example.com/mcp", sealed=sealed)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_what_was_sealed_is_opened(values: dict[str, str]) -> None:
    assert credentials.opened(credentials.seal(values)) == values


def test_what_is_sealed_tells_nothing() -> None:
    first, second = credentials.seal(TOKEN), credentials.seal(TOKEN)
    assert first != second
    assert "t0ken" not in first
    assert "Authorization" not in first
    assert credentials.seal({}) == ""


def test_it_needs_no_key_of_its_own(settings: Any) -> None:
    settings.CREDENTIALS_KEYS = []
    sealed = credentials.seal(TOKEN)
    settings.CREDENTIALS_KEYS = [NEW, settings.SECRET_KEY]
    assert credentials.opened(sealed) == TOKEN, "the former SECRET_KEY may be named among the keys"


@pytest.mark.parametrize("sealed", ["x", "gAAAAA", "\x00", "ü"])
def test_what_nobody_sealed_opens_with_a_sentence(sealed: str) -> None:
    with pytest.raises(credentials.CannotOpen, match="enter the credentials anew"):
        credentials.opened(sealed)


def test_keys_change_while_the_platform_runs(database: object, settings: Any) -> None:
    row = server(credentials.seal(TOKEN))
    settings.CREDENTIALS_KEYS = [NEW, OLD]
    assert credentials.opened(row.sealed) == TOKEN
    out = StringIO()
    call_command("resealcredentials", stdout=out)
    assert out.getvalue() == "Encrypted anew: 1.\n"
    settings.CREDENTIALS_KEYS = [NEW]
    row.refresh_from_db()
    assert credentials.opened(row.sealed) == TOKEN


def test_what_no_key_opens_is_named(database: object, settings: Any) -> None:
    row = server(credentials.seal(TOKEN))
    settings.CREDENTIALS_KEYS = [OTHER]
    with pytest.raises(CommandError, match="opens the credentials of: MCP server desk"):
        call_command("resealcredentials", stdout=StringIO())
    sealed = row.sealed
    row.refresh_from_db()
    assert row.sealed == sealed
    assert "cannot be decrypted" in row.credentials_told
