import pytest

from tests import licences


def test_every_licence_is_known_and_allowed() -> None:
    assert list(licences.faults()) == []


def test_the_page_is_current() -> None:
    assert licences.PAGE.read_text() == licences.page(), "`make docs` writes it anew"


def test_each_exception_is_still_needed() -> None:
    assert [name for name in licences.EXCEPTIONS if licences.is_permissive(licences.licence(name))] == []
    assert set(licences.EXCEPTIONS) <= {package for file in licences.FILES for package in licences.locked(file)}


@pytest.mark.parametrize(
    ("expression", "is_permissive"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("LGPL-3.0-only", False),
        ("MIT OR GPL-3.0", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
    ],
)
def test_each_part_needs_a_permissive_choice(expression: str, is_permissive: bool) -> None:
    assert licences.is_permissive(expression) is is_permissive
