"""The shell commands of the documents: each page's are run in one shell, as its reader would."""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from agentplatform.embedded.postgres_home import PACKAGE
from agentplatform.embedded.wheels import carried
from tests.api import Persona
from tests.docs import answering, commands, session
from tests.docs.markdown import ROOT, blocks, pages

APART = {"docs/api-guide.md", commands.CLIENT_PAGE}
PAGES = [page for page in pages() if commands.in_session(page) and page not in APART]
# Their answers are from the small local model, so they differ from ours.
OF_THE_LOCAL_MODEL = {"README.md"}
RESTORED = "agentplatform_restored"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", PAGES)
def test_a_pages_commands_run(trial: str, alice: Persona, page: str, tmp_path: Path) -> None:
    alice.execute()
    binaries = carried(PACKAGE, "pginstall/bin")
    try:
        ran = session.run(
            commands.in_session(page),
            url=trial,
            folder=tmp_path,
            environment={"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        )
    finally:
        if RESTORED in (ROOT / page).read_text():  # else it would be taken from a page that runs beside this one
            _drop(RESTORED)
    if page not in OF_THE_LOCAL_MODEL:
        answering.compare(page, ran, url=trial)


@pytest.mark.parametrize("page", [page for page in pages() if blocks(page, "python", "javascript")])
def test_its_programs_are_run(page: str) -> None:
    assert page in {*APART, "docs/extending.md"}, "no test runs the Python or JavaScript of this page"


def test_every_command_is_run_by_a_test_that_exists() -> None:
    ran_by = {commands.ran_by(block).split("[")[0] for page in pages() for block in blocks(page, *commands.LANGUAGES)}
    for test in ran_by:
        path, _, name = test.partition("::")
        assert (ROOT / path).is_file(), test
        assert name in (ROOT / path).read_text(), test


def test_the_programs_are_here() -> None:
    assert [name for name in ("bash", "curl", "node") if shutil.which(name) is None] == []


def _drop(database: str) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
