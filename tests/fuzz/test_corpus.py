"""What fuzzing began with, and what it found: every input of the corpus keeps the promises of its target."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, run

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_each_input_is_read(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert len(inputs) >= 5
    for each in inputs:
        run(TARGETS[name], each.read_bytes())
