"""clients/python/README.md: every command and program in it is run as it stands, and printed what the page shows."""

import os
import sys
from pathlib import Path

import pytest

from tests.clients.agentctl import SOURCE
from tests.docs import answering, commands, session
from tests.docs.markdown import blocks
from tests.docs.test_api_guide import ANSWERS
from tests.scripted_model import ScriptedModel, text

PAGE = "clients/python/README.md"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("language", ["bash", "python"])
def test_what_it_shows_works_as_it_stands(trial: str, model: ScriptedModel, language: str, tmp_path: Path) -> None:
    for pattern, answer in ANSWERS.items():
        model.when(pattern, text(answer, chunks=answer.splitlines(keepends=True)))
    installed = tmp_path / "bin/agentctl"
    installed.parent.mkdir()
    installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agentplatform_client.cli "$@"\n')
    installed.chmod(0o755)

    snippets = [block for block in blocks(PAGE, language) if not commands.elsewhere(block)]
    ran = session.run(
        snippets,
        url=trial,
        folder=tmp_path,
        environment={
            "PATH": f"{installed.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(SOURCE),
            "XDG_CONFIG_HOME": str(tmp_path),
        },
    )

    answering.compare(PAGE, ran, url=trial)
