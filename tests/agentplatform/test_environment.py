import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentplatform import environment

NAME = "SOME_SETTING"

BAD = [
    ("loud", lambda: environment.choice(NAME, "quiet", ["quiet", "silent"]), "quiet, silent"),
    ("ten", lambda: environment.number(NAME, 1, least=1, most=9), "'ten' is not a whole number; it takes 1 to 9."),
    ("10", lambda: environment.number(NAME, 1, least=1, most=9), "10 is out of range; it takes 1 to 9."),
    ("0", lambda: environment.number(NAME, 1, least=1, most=9), "0 is out of range"),
    ("1.5", lambda: environment.number(NAME, 1, least=1, most=9), "not a whole number"),
    ("x", lambda: environment.decimal(NAME, 1, least=0.5, most=2), "'x' is not a number"),
    ("nan", lambda: environment.decimal(NAME, 1, least=0.5, most=2), "out of range"),
    ("ftp://host", lambda: environment.url(NAME, "", ("http", "https")), "http://… or https://…"),
    ("http://", lambda: environment.url(NAME, "", ("http",)), "not a URL"),
    ("http://host:port", lambda: environment.url(NAME, "", ("http",)), "not a URL"),
    ("http://[::1", lambda: environment.url(NAME, "", ("http",)), "not a URL"),
    ("host", lambda: environment.url(NAME, "", ("http",)), "not a URL"),
]


@pytest.mark.parametrize(("value", "read", "what_is_right"), BAD)
def test_a_bad_value_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, value: str, read: Callable[[], object], what_is_right: str
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(SystemExit, match=re.escape(what_is_right)) as ended:
        read()
    assert str(ended.value).startswith(f"{NAME}: ")
    assert "\n" not in str(ended.value)


def test_a_refused_url_is_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "mysql://user:hunter2@host/db")
    with pytest.raises(SystemExit) as ended:
        environment.url(NAME, "", ("postgres",))
    assert "hunter2" not in str(ended.value)


@pytest.mark.parametrize("value", ["", "  ", None])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv(NAME, raising=False)
    else:
        monkeypatch.setenv(NAME, value)
    assert environment.text(NAME, "default") == "default"
    assert environment.number(NAME, 7, least=1, most=9) == 7
    assert environment.choice(NAME, "a", ["a"]) == "a"
    assert environment.url(NAME, "", ("http",)) == ""
    assert environment.words(NAME) == []


def test_good_values_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " 8 ")
    assert environment.number(NAME, 1, least=1, most=9) == 8
    assert environment.decimal(NAME, 1, least=1, most=9) == 8.0
    monkeypatch.setenv(NAME, "a, b,, c ,")
    assert environment.words(NAME) == ["a", "b", "c"]
    monkeypatch.setenv(NAME, "unix:///run/redis.sock")
    assert environment.url(NAME, "", ("redis", "unix")) == "unix:///run/redis.sock"


def test_dotenv_fills_in_what_the_environment_leaves_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# a comment\nSOME_SETTING=from the file\nOTHER_SETTING='quoted'\n")
    monkeypatch.setenv(NAME, "from the environment")
    monkeypatch.setenv("OTHER_SETTING", "")
    monkeypatch.delenv("OTHER_SETTING")
    environment.load_dotenv(tmp_path / ".env")
    assert environment.text(NAME) == "from the environment"
    assert environment.text("OTHER_SETTING") == "quoted"


def test_dotenv_may_be_missing(tmp_path: Path) -> None:
    environment.load_dotenv(tmp_path / ".env")


def test_a_value_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert environment.text(NAME) == "from the file"

    monkeypatch.setenv(NAME, "from the environment")
    assert environment.text(NAME) == "from the environment"


def test_an_empty_file_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert environment.text(NAME, "default") == "default"


def test_a_file_that_cannot_be_read_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "missing"))
    with pytest.raises(SystemExit, match=f"^{NAME}_FILE: .*missing cannot be read: No such file or directory"):
        environment.text(NAME)

    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "binary"))
    with pytest.raises(SystemExit, match="it is not text"):
        environment.text(NAME)
