"""Which test ran each command of the documents, and why another could not: `python -m tests.docs.commands` lists it."""

from dataclasses import dataclass

from tests.docs.markdown import Block, blocks, pages

GUIDE = "tests/docs/test_api_guide.py::test_every_snippet_runs_and_prints_what_is_shown"
RECIPES = "tests/docs/test_extending.py::test_the_recipes_work_to_the_letter"
CLIENT_PAGE = "clients/python/README.md"
CLIENT = "tests/docs/test_client_readme.py::test_what_it_shows_works_as_it_stands"
SESSION = "tests/docs/test_commands.py::test_a_pages_commands_run"
LANGUAGES = ("bash", "python", "javascript")


@dataclass(frozen=True)
class Elsewhere:
    """Commands, known by their page and by words of theirs, that a page's session cannot run; and what stands in for it."""

    words: str
    ran_by: str
    why: str
    page: str = ""


ELSEWHERE = (
    Elsewhere(
        "make run",
        "tests/end_to_end/test_runplatform.py::test_the_line_to_paste_brings_the_models_answer",
        "installs first, and stays until it is stopped; the test starts what it starts",
    ),
    Elsewhere(
        "https://your.host",
        "tests/test_smoke.py::test_it_passes_on_a_healthy_platform",
        "is about a host of the reader's",
    ),
    Elsewhere(
        "/account/webhook-secret",
        GUIDE,
        "wants a key that manages keys; the API guide makes one with the same call",
        page="docs/webhooks.md",
    ),
    Elsewhere(
        "bench.tasks",
        "tests/bench/test_jobs.py::test_they_are_done",
        "wants a provider; the test does the same jobs with a scripted model",
    ),
    Elsewhere("", "tests/cloud/test_deployments.py", "needs an account; the files are checked", page="docs/cloud/"),
    Elsewhere(
        "make chaos",
        "tests/chaos/test_chaos.py::test_no_harm_breaks_a_promise",
        "takes minutes; the test runs its short form",
    ),
    Elsewhere("make release-check", "tests/test_release_check.py", "takes long; its steps are tried one by one"),
    Elsewhere(
        "pip install",
        "tests/clients/test_package.py::test_installed_from_the_wheel_it_runs",
        "wants the package index; the test installs the wheel without it",
        page=CLIENT_PAGE,
    ),
    Elsewhere(
        "removesecondfactor",
        "tests/accounts/test_console_doors.py::test_a_command_removes_the_last_superusers",
        "wants an operator who has set one up",
    ),
    Elsewhere(
        "phoenix",
        "tests/end_to_end/test_traces.py::test_each_process_sends_what_it_has_left_as_it_ends",
        "wants the package index; the test's receiver is spoken to in the same way",
        page="docs/tracing.md",
    ),
    Elsewhere("docker compose", "tests/containers/run.sh", "needs Docker"),
    Elsewhere("./deploy.sh", "tests/containers/run.sh", "needs Docker"),
)


def elsewhere(block: Block) -> Elsewhere | None:
    """What stands in for the page's session, if that cannot run the block."""
    return next((each for each in ELSEWHERE if each.words in block.text and block.page.startswith(each.page)), None)


def in_session(page: str) -> list[Block]:
    """The page's shell commands that one shell can run, one after the other."""
    return [block for block in blocks(page, "bash") if not elsewhere(block)]


def ran_by(block: Block) -> str:
    """The test that ran a block of the documents."""
    if block.page == "docs/api-guide.md":
        return f"{GUIDE}[{block.language}]"
    if block.page == "docs/extending.md":
        return RECIPES
    other = elsewhere(block)
    if block.page == CLIENT_PAGE and not other:
        return f"{CLIENT}[{block.language}]"
    return other.ran_by if other else f"{SESSION}[{block.page}]"


def main() -> None:
    """Print each command by its first line, with the test that ran it."""
    for page in pages():
        for block in blocks(page, *LANGUAGES):
            other = elsewhere(block)
            line = next(line for line in block.text.splitlines() if line.strip())
            print(f"{block}  {line[:70]}\n    {ran_by(block)}{f' ({other.why})' if other else ''}")  # noqa: T201


if __name__ == "__main__":
    main()
