"""Writes `_sync`, the client for plain calls, from `_async`: `make client` at the top of the repository, or `--check`."""

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src/agentplatform_client"
WORDS = {
    "AsyncAgentplatform": "Agentplatform",
    "AsyncByteStream": "SyncByteStream",
    "AsyncClient": "Client",
    "AsyncConversations": "Conversations",
    "AsyncGenerator": "Generator",
    "AsyncIterator": "Iterator",
    "AsyncKeys": "Keys",
    "AsyncTaskStream": "TaskStream",
    "AsyncTransport": "Transport",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "_async": "_sync",
    "aclose": "close",
    "anext": "next",
    "anyio": "time",
    "aread": "read",
    "asynccontextmanager": "contextmanager",
}
HEAD = "# Made by make_sync.py from {source}; change that file, then `make client`.\n"
DOCSTRING = (
    '"""What sends and waits, for plain calls. Made of the folder `_async` by `make_sync.py`; change it there."""\n'
)


def plain(text: str) -> str:
    """The same program without `async` and `await`."""
    text = re.sub(r"\b(async|await) +", "", text)
    return re.sub(r"\w+", lambda word: WORDS.get(word[0], word[0]), text)


def made() -> dict[Path, str]:
    """Each file of `_sync`, and what should be in it."""
    files = {}
    for source in sorted((PACKAGE / "_async").glob("*.py")):
        text = DOCSTRING if source.name == "__init__.py" else plain(source.read_text())
        head = HEAD.format(source=f"_async/{source.name}")
        files[PACKAGE / "_sync" / source.name] = _tidied(head + text, source.name)
    return files


def _tidied(text: str, name: str) -> str:
    for command in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        ruff = [
            str(Path(sys.executable).with_name("ruff")),
            *command,
            "--stdin-filename",
            str(PACKAGE / "_sync" / name),
            "-",
        ]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> int:
    """Write the files, or say which are not current; 1 when there are such."""
    stale = [path for path, text in made().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(PACKAGE)} is not current; `make client` writes it anew.")
        return 1 if stale else 0
    for path, text in made().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
