import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agentplatform import environment, settings_reference

ROOT = Path(__file__).parents[2]
READERS = {"choice", "decimal", "number", "text", "url", "words"}


@pytest.mark.parametrize("path", [".env.example", "docs/settings.md"])
def test_the_lists_are_current(path: str) -> None:
    wanted = settings_reference.files(environment.declared.values())[Path(path)]
    assert (ROOT / path).read_text() == wanted, "`make docs` writes it anew"


def test_every_setting_is_declared_with_its_meaning() -> None:
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / "agentplatform/settings.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "environment"
    ]
    assert len(calls) == len(environment.declared)
    assert [ast.unparse(call) for call in calls if "meaning" not in {each.arg for each in call.keywords}] == []


def test_every_variable_of_the_compose_files_is_listed() -> None:
    read = {
        name for file in ROOT.glob("docker-compose*.yml") for name in re.findall(r"\$\{([A-Z_]+)", file.read_text())
    }
    assert read - set(environment.declared) - {setting.name for setting in settings_reference.CONTAINERS} == set()


def test_the_example_is_a_working_env_file_with_every_line_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines))
    for name, _ in lines:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    environment.load_dotenv(tmp_path / ".env")
    assert environment.text("LOG_LEVEL") == "INFO"
    for name, setting in environment.declared.items():
        assert environment.text(name) == setting.default


def test_the_command_writes_what_is_stale_and_tells_it(settings: Any, tmp_path: Path, capsys: Any) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(CommandError, match=r"\.env\.example is stale; `make docs` writes it anew\."):
        call_command("settingsreference", "--check")

    call_command("settingsreference")
    assert capsys.readouterr().out == "Wrote .env.example.\nWrote docs/settings.md.\n"
    call_command("settingsreference", "--check")
    call_command("settingsreference")
    assert capsys.readouterr().out == ""
