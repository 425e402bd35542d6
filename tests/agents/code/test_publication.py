"""Agents as code in the database, in the console and in files: what is declared is published, and changed nowhere else."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import django.test
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import AuditEntry
from agents import publishing, teams
from agents.code import Context, agent
from agents.code.declaring import BadAgent, forget
from agents.code.loading import BadModule, load
from agents.models import Agent, AgentVersion
from tests.agents.code.conftest import Installed
from tests.agents.exchange.test_exchange import exported, imported
from tests.agents.making import ACTOR, published
from tests.agents.test_console import version_form
from tests.api import Persona

ROOT = Path(__file__).parents[3]


async def works(task: str, context: Context) -> str:
    return "Done."


def declare(slug: str = "coded", **fields: Any) -> None:
    agent(**{"slug": slug, "description": "Does it.", **fields})(works)


def versions(slug: str = "coded") -> list[tuple[int, str]]:
    return list(AgentVersion.objects.filter(agent__slug=slug).order_by("number").values_list("number", "status"))


def test_each_changed_declaration_is_a_version(alice: Persona, installed: Installed) -> None:
    declare(max_steps=5)
    installed()
    installed()
    assert versions() == [(1, "published")]
    declare(max_steps=6, tools=["calculator"])
    installed()
    assert versions() == [(1, "retired"), (2, "published")]
    assert alice.execute(agent_type="coded").json()["agent_version"] == 2
    declare(max_steps=5)
    installed()
    assert versions() == [(1, "published"), (2, "retired")], "what was declared before is published again"
    version = AgentVersion.objects.get(agent__slug="coded", number=1)
    assert (version.strategy, version.instructions) == ("code", f"Code: {works.__module__}.works")
    entries = AuditEntry.objects.filter(subject="coded v1").order_by("pk")
    assert [(entry.actor_kind, entry.action) for entry in entries] == [
        ("start", "created"), ("start", "published"), ("start", "retired"), ("start", "rolled back to"),
    ]  # fmt: skip


def test_its_type_is_shown_to_those_who_may_call_it(alice: Persona, installed: Installed) -> None:
    declare(delegates=["general"], timeout_seconds=30)
    installed()
    shown = next(each for each in alice.get("/agent/types").json()["agents"] if each["slug"] == "coded")
    assert (shown["description"], shown["delegates"], shown["limits"]["timeout_seconds"]) == (
        "Does it.",
        ["general"],
        30,
    )


def test_code_that_is_gone_takes_no_tasks(alice: Persona, operator: django.test.Client, installed: Installed) -> None:
    declare()
    installed()
    forget("coded")
    output = StringIO()
    call_command("publishcode", stdout=output)
    teams.forget()
    assert output.getvalue() == "Their code is not here any more, so they take no tasks: coded.\n"
    answer = alice.execute(agent_type="coded")
    assert answer.status_code == 400
    assert (
        "This agent takes no tasks now: its code is not part of this installation any more" in answer.json()["detail"]
    )
    page = operator.get(
        reverse("admin:agents_agent_change", args=[Agent.objects.get(slug="coded").pk])
    ).content.decode()
    assert "No module of AGENT_MODULES declares it any more, so it takes no tasks." in page
    declare()
    installed()
    assert alice.execute(agent_type="coded").status_code == 200


def test_an_operator_may_switch_it_off(alice: Persona, operator: django.test.Client, installed: Installed) -> None:
    declare()
    installed()
    operator.post(reverse("admin:agents_agent_change", args=[Agent.objects.get(slug="coded").pk]), {})
    installed()
    assert "it is switched off" in alice.execute(agent_type="coded").json()["detail"], "a start does not switch it on"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": ["hammer"]}, "the agent coded. tools: There is no tool 'hammer'"),
        ({"delegates": ["nobody"]}, "the agent coded. delegates: There is no agent 'nobody'"),
        ({"slug": "general"}, "declares the agent general, which is not code here; give it another slug."),
    ],
)
def test_what_does_not_fit_stops_the_start(installed: Installed, fields: dict[str, Any], message: str) -> None:
    declare(**fields)
    before = AgentVersion.objects.count(), Agent.objects.count()
    with pytest.raises(CommandError, match=re.escape(message)) as stopped:
        installed()
    assert str(stopped.value).startswith("AGENT_MODULES: ")
    assert "\n" not in str(stopped.value)
    assert (AgentVersion.objects.count(), Agent.objects.count()) == before


def test_delegates_that_lead_back_stop_the_start(installed: Installed) -> None:
    declare("one", delegates=["two"])
    declare("two", delegates=["one"])
    with pytest.raises(CommandError, match="its delegates lead back to it: one → two → one"):
        installed()


def test_code_may_ask_code_and_be_asked(alice: Persona, installed: Installed) -> None:
    async def asks(task: str, context: Context) -> str:
        return f"It said: {await context.delegate('coded', task)}"

    agent(slug="asking", description="Asks.", delegates=["coded"])(asks)
    declare()
    installed()
    assert alice.execute(agent_type="asking").json()["result"] == "It said: Done."


class TestConsole:
    """Operators look at it, and switch it off."""

    def test_it_says_that_it_is_code_and_offers_nothing(
        self, operator: django.test.Client, installed: Installed
    ) -> None:
        declare()
        installed()
        version = AgentVersion.objects.get(agent__slug="coded")
        page = operator.get(reverse("admin:agents_agent_change", args=[version.agent_id])).content.decode()
        assert "This agent is code" in page
        assert "Copy to a new draft" not in page
        page = operator.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
        assert "is code: what its module declares is published at each start." in page
        assert "Retire" not in page

    def test_it_is_not_changed(self, operator: django.test.Client, installed: Installed) -> None:
        declare()
        installed()
        version = AgentVersion.objects.get(agent__slug="coded")
        for act in ("publish", "retire", "try-out", "copy"):
            url = reverse(f"admin:agents_agentversion_{act}", args=[version.pk])
            page = operator.post(url, {"percent": "5"}, follow=True).content.decode()
            assert "Nothing was changed. coded is code: what its module declares is published at each start." in page
        form = version_form(version.agent)
        page = operator.post(reverse("admin:agents_agentversion_add"), form).content.decode()
        assert "coded is code" in page
        assert versions() == [(1, "published")]

    def test_no_version_becomes_code_by_a_form(self, operator: django.test.Client) -> None:
        agent_row = published("poet").agent
        page = operator.post(reverse("admin:agents_agentversion_add"), version_form(agent_row, strategy="code")).content
        assert b"code is not one of the available choices" in page

    def test_it_is_compared(self, operator: django.test.Client, installed: Installed) -> None:
        for steps in (5, 6):
            declare(max_steps=steps)
            installed()
        url = reverse("admin:agents_agent_compare", args=[Agent.objects.get(slug="coded").pk])
        assert operator.get(url, {"old": 1, "new": 2}).content.decode().count("≠") == 2


def test_files_leave_it_out(installed: Installed, tmp_path: Path) -> None:
    declare()
    installed()
    errors = StringIO()
    call_command("exportagents", "coded", "general", stdout=StringIO(), stderr=errors)
    assert errors.getvalue() == "Left out: coded. It is code, which stands in its module.\n"
    assert "coded:" not in exported()
    with pytest.raises(CommandError, match=r"agents.yaml:1: agents.coded: This agent is code here"):
        imported(tmp_path, "agents: {coded: {description: x, instructions: y}}")


def test_nobody_publishes_it_by_hand(installed: Installed) -> None:
    declare()
    installed()
    with pytest.raises(ValidationError, match="coded is code"):
        publishing.draft_from(AgentVersion.objects.get(agent__slug="coded"), actor=ACTOR)


class TestModules:
    """AGENT_MODULES."""

    @pytest.fixture
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: Installed) -> Any:
        """`module(text)` is the name of a new module with this text."""
        monkeypatch.syspath_prepend(str(tmp_path))

        def write(text: str, name: str = "") -> str:
            name = name or f"of_a_test_{uuid4().hex}"
            (tmp_path / f"{name}.py").write_text(f"from agents.code import agent, Context\n{text}")
            return name

        return write

    def test_what_it_declares_is_offered(self, alice: Persona, module: Any, installed: Installed) -> None:
        load(
            [
                module(
                    "@agent(slug='loaded', description='Is loaded.')\nasync def loaded(task, context):\n    return task.upper()\n"
                )
            ]
        )
        installed()
        assert alice.execute("quiet", agent_type="loaded").json()["result"] == "QUIET"

    def test_a_package_may_declare_in_its_parts(self, tmp_path: Path, module: Any) -> None:
        (tmp_path / "of_tests").mkdir()
        (tmp_path / "of_tests" / "__init__.py").write_text("from of_tests import part\n")
        (tmp_path / "of_tests" / "part.py").write_text(
            "from agents.code import agent\n@agent(slug='parted', description='x')\ndef parted(task, context): return 'x'\n"
        )
        load(["of_tests"])
        load(["of_tests"])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module' ("),
            ("def broken(:", "cannot be imported: SyntaxError: "),
            ("raise SystemExit('bye')", "cannot be imported: SystemExit: bye ("),
            ("1/0", "cannot be imported: ZeroDivisionError: division by zero ("),
            ("x = 1", "declares no agent; it takes a function below @agent"),
            ("agent(slug='x', description='x')(3)", "3 is no function"),
            ("@agent(slug='x', description='x')\ndef f(task): ...", "f takes other arguments than (task, context)"),
            ("@agent(slug='x', description='x')\ndef f(task, context): yield 1", "f yields; an agent returns its result"),
            ("@agent(slug='No Slug', description='x')\ndef f(task, context): ...", "the slug 'No Slug' is none"),
            ("@agent(slug='x', description='')\ndef f(task, context): ...", "x is declared wrongly. description: It may not"),
            ("@agent(slug='x', description='x', max_steps=0)\ndef f(task, context): ...", "max_steps: It takes a whole number"),
            ("@agent(slug='x', description='x', model_settings={'url': 1})\ndef f(task, context): ...", "no such setting"),
            ("@agent(slug='x')\ndef f(task, context): ...", "missing 1 required keyword-only argument: 'description'"),
            ("@agent(slug='x', description='x', colour=1)\ndef f(task, context): ...", "unexpected keyword argument 'colour'"),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_in_a_line(self, module: Any, text: str, message: str) -> None:
        name = module(text)
        with pytest.raises(BadModule, match=re.escape(message)) as refused:
            load([name])
        assert str(refused.value).startswith(name)
        assert "\n" not in str(refused.value)

    def test_a_slug_belongs_to_one(self, module: Any) -> None:
        declare("twice")
        with pytest.raises(BadModule, match="both declare the agent 'twice'"):
            load([module("@agent(slug='twice', description='x')\ndef f(task, context): ...")])

    def test_a_module_that_is_not_there_is_told(self) -> None:
        with pytest.raises(
            BadModule, match=r"^nowhere_at_all cannot be imported: ModuleNotFoundError: No module named"
        ):
            load(["nowhere_at_all"])

    def test_no_function_is_no_agent(self) -> None:
        with pytest.raises(BadAgent, match="is no function"):
            agent(slug="x", description="x")(print)

    @pytest.mark.parametrize(
        "start",
        [
            ["manage.py", "check"],
            ["-c", "import agentplatform.asgi"],
            ["-m", "celery", "-A", "agentplatform", "worker"],
            ["manage.py", "runsweeper"],
        ],
    )
    def test_it_stops_the_start_of_every_process_with_one_line(
        self, module: Any, tmp_path: Path, start: list[str]
    ) -> None:
        name = module("1/0", "broken_agents")
        environment = {
            **os.environ,
            "AGENT_MODULES": f"{name}, other",
            "DJANGO_SETTINGS_MODULE": "agentplatform.settings",
            "PYTHONPATH": str(tmp_path),
        }
        ended = subprocess.run(
            [sys.executable, *start], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1, ended
        expected = f"AGENT_MODULES: {name} cannot be imported: ZeroDivisionError: division by zero ({tmp_path}/{name}.py, line 2)"
        assert ended.stderr.strip() == expected
