"""Which test ran each command of the documents, and why another could not."""

from dataclasses import dataclass

from tests.docs.markdown import ROOT, Block, blocks, pages

GUIDE = "tests/docs/test_api_guide.py::test_every_snippet_runs_and_prints_what_is_shown"
SESSION = "tests/docs/test_commands.py::test_a_pages_commands_run"
CONTAINERS = "tests/containers/run.sh"
LANGUAGES = ("bash", "python", "javascript")


@dataclass(frozen=True)
class Elsewhere:
    """Commands, known by how their block begins, that a page's session cannot run."""

    start: str
    ran_by: str
    why: str


ELSEWHERE = (
    Elsewhere(
        "make run",
        "tests/end_to_end/test_runplatform.py::test_the_line_to_paste_brings_the_models_answer",
        "It installs first, and stays until it is stopped; the test starts what it starts.",
    ),
    Elsewhere(
        "LOG_LEVEL=DEBUG make run",
        "tests/end_to_end/test_runplatform.py::test_the_line_to_paste_brings_the_models_answer",
        "The same with another level.",
    ),
    Elsewhere("docker compose", CONTAINERS, "It needs Docker."),
    Elsewhere("./deploy.sh", CONTAINERS, "It needs Docker."),
)


def elsewhere(block: Block) -> Elsewhere | None:
    """Who ran the block instead of its page's session, if anybody."""
    return next((each for each in ELSEWHERE if block.text.startswith(each.start)), None)


def in_session(page: str) -> list[Block]:
    """The page's shell commands that one shell can run, one after the other."""
    return [block for block in blocks(page, "bash") if not elsewhere(block)]


def ran_by(block: Block) -> str:
    """The test that ran a block of the documents."""
    if block.page == "docs/api-guide.md":
        return f"{GUIDE}[{block.language}]"
    if block.page == "docs/extending.md":
        return "tests/docs/test_extending.py::test_the_recipes_work_to_the_letter"
    other = elsewhere(block)
    return other.ran_by if other else f"{SESSION}[{block.page}]"


def listing() -> str:
    """docs/commands.md: each command with the test that ran it."""
    rows = [
        f"| [{block.page}](/{block.page}), {block.heading} | {block.language} | `{_first_line(block)}` | `{ran_by(block)}` |"
        for page in pages()
        if page != "docs/commands.md"
        for block in blocks(page, *LANGUAGES)
    ]
    reasons = [f"| `{each.start} …` | {each.why} |" for each in ELSEWHERE]
    return "\n".join(
        [
            "# Commands of the documents, and the tests that ran them",
            "",
            "*Written by `make docs`; do not edit it by hand.* A command is named by its first line.",
            "",
            "| Where | Language | Begins with | Ran by |",
            "|---|---|---|---|",
            *rows,
            "",
            "Not run by the documents' own tests:",
            "",
            "| Begins with | Why |",
            "|---|---|",
            *reasons,
            "",
        ]
    ).replace("](/docs/", "](").replace("](/", "](../")


def _first_line(block: Block) -> str:
    line = next(line for line in block.text.splitlines() if line.strip())
    shown = line.replace("|", "\\|").replace("`", "'")
    return shown if len(shown) <= 70 else f"{shown[:70]}…"


def write() -> None:
    """Write docs/commands.md anew."""
    (ROOT / "docs/commands.md").write_text(listing())
