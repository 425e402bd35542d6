"""`manage.py clearlimits`."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.api import Persona
from tests.outages import redis_away


def clear(**options: Any) -> str:
    out = StringIO()
    call_command("clearlimits", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def used_up(newcomer: Callable[..., Persona]) -> Callable[[str], Persona]:
    """`used_up("dora")`: a client whose limit of one task is used up."""

    def used_up(name: str) -> Persona:
        persona = newcomer(name, requests=1)
        assert [persona.execute(name).status_code for _ in range(2)] == [200, 429]
        return persona

    return used_up


def test_it_clears_one_client_and_no_other(used_up: Callable[[str], Persona]) -> None:
    dora, emil = used_up("dora"), used_up("emil")

    assert clear(client="dora").startswith("The limits of client dora count from zero")

    assert dora.execute().status_code == 200
    assert emil.execute().status_code == 429


def test_it_clears_all(used_up: Callable[[str], Persona]) -> None:
    both = [used_up("dora"), used_up("emil")]

    assert clear(all=True).startswith("The limits of every client count from zero")

    assert [each.execute().status_code for each in both] == [200, 200]


@pytest.mark.usefixtures("database")
def test_it_names_an_unknown_client() -> None:
    with pytest.raises(CommandError, match="there is no client 'nobody'"):
        clear(client="nobody")


@pytest.mark.usefixtures("database")
def test_it_says_that_redis_is_away() -> None:
    with redis_away(), pytest.raises(CommandError, match="Redis does not answer"):
        clear(all=True)
