"""Rules of our own for the source, beside ruff's (which has bandit's, group S): what would open a hole is written nowhere.

And no secret is in the repository: the shapes of keys that providers hand out are searched for in every file.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("accounts", "agentplatform", "agents", "feedback")
CALLS = {
    "mark_safe": "escape with format_html instead",
    "SafeString": "escape with format_html instead",
    "csrf_exempt": "the console's forms carry a token, and the API takes no cookies",
    "eval": "nothing is evaluated",
    "exec": "nothing is evaluated",
    "extra": "raw SQL in the ORM",
    "RawSQL": "raw SQL in the ORM",
}
MODULES = {
    "pickle": "what is read back may have been written by others",
    "marshal": "what is read back may have been written by others",
    "shelve": "what is read back may have been written by others",
    "requests": "the way out is agents.egress",
    "urllib.request": "the way out is agents.egress",
    "xml.etree.ElementTree": "entities; lxml with resolve_entities=False",
}
# Each with its reason.
EXCEPTIONS = {
    ("agentplatform/embedded", "urllib.request"),  # asks its own child processes whether they are up
    ("agentplatform/supervisor", "urllib.request"),
    ("agentplatform/management", "urllib.request"),
}
TEMPLATE = re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|\bstyle=")
SECRETS = {
    "an AWS key": r"\bAKIA[0-9A-Z]{16}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "a key of OpenAI's": r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}",
    "a key of Anthropic's": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "a token of GitHub's": r"\b(?:ghp|gho|ghs|ghu)_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{40,}",
    "a token of Slack's": r"\bxox[abpr]-[0-9A-Za-z-]{20,}",
    "a key of Google's": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a key of Stripe's": r"\b[sr]k_live_[0-9A-Za-z]{20,}",
    "a token of PyPI's": r"\bpypi-AgEI[\w-]{50,}",
    "a token of npm's": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a signed token": r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}",
}


def sources() -> list[Path]:
    return [path for room in PRODUCT for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]


def breaches(path: Path) -> Iterator[str]:
    place = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        reasons = MODULES
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                names = [called.id]
            elif isinstance(called, ast.Attribute) and called.attr not in ("eval", "exec"):  # Redis has such a command
                names = [called.attr]
            reasons = CALLS
            if any(word.arg == "verify" and is_false(word.value) for word in node.keywords):
                yield f"{place}:{node.lineno} checks no certificate"
            if any(word.arg == "shell" and not is_false(word.value) for word in node.keywords):
                yield f"{place}:{node.lineno} starts a shell"
        for name in set(names) & set(reasons):
            if not any(place.startswith(room) and name == what for room, what in EXCEPTIONS):
                yield f"{place}:{getattr(node, 'lineno', 0)} uses {name}: {reasons[name]}"


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_the_product_breaks_none_of_our_rules() -> None:
    assert [breach for path in sources() for breach in breaches(path)] == []


def test_templates_escape_everything_and_hold_no_script() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for room in PRODUCT
        for path in (ROOT / room).rglob("*.html")
        for match in TEMPLATE.finditer(path.read_text())
    ]
    assert found == []


def test_no_secret_is_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("no repository here")
    found = []
    for name in listed.stdout.decode().split("\0"):
        if not name or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {what}" for what, shape in SECRETS.items() if re.search(shape, text)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("eval('1')", "uses eval"),
        ("import pickle", "uses pickle"),
        ("from urllib import request", "uses urllib.request"),
        ("from django.utils.safestring import mark_safe\nmark_safe(x)", "uses mark_safe"),
        ("client.get(url, verify=False)", "checks no certificate"),
        ("run(command, shell=True)", "starts a shell"),
    ],
)
def test_the_rules_find_what_they_are_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "a.py").write_text(line)
    (breach,) = breaches(tmp_path / "a.py")
    assert told in breach
