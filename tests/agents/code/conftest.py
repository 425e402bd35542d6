"""Agents as code that a test declares, and forgets in the end."""

from collections.abc import Callable, Iterator

import pytest

Installed = Callable[[], None]


@pytest.fixture
def installed(database: object) -> Iterator[Installed]:
    """`installed()`: what was declared since the test began is offered, as after a start."""
    # Here, since this file is read before Django is set up.
    from django.core.management import call_command

    from agents import teams
    from agents.code.declaring import forget, registered

    before = set(registered())

    def install() -> None:
        call_command("publishcode", verbosity=0)
        teams.forget()

    yield install
    for slug in set(registered()) - before:
        forget(slug)
    teams.forget()
