"""Agents as YAML, out and in: by the commands and in the console."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import django.test
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry
from agents import content, publishing, teams
from agents.exchange.importing import bring_in
from agents.exchange.writing import written
from agents.models import Agent, AgentVersion
from agents.tools import registry
from tests.agents.making import ACTOR, draft, published, tried_out
from tests.api import Persona
from tests.fixtures import World
from tests.personas import OPERATOR

POET = """\
agents:
  poet:
    description: Rhymes.
    instructions: |
      Answer in rhyme.
      Be short.
    tools: [calculator]
    max_cost_usd: 0.25
"""


def exported(*slugs: str, **options: Any) -> str:
    output = StringIO()
    call_command("exportagents", *slugs, stdout=output, stderr=StringIO(), **options)
    return output.getvalue()


def imported(folder: Path, text: str | bytes, **options: Any) -> list[str]:
    """What the command says; raises CommandError with all of its lines."""
    file = folder / "agents.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    output, errors = StringIO(), StringIO()
    try:
        call_command("importagents", str(file), stdout=output, stderr=errors, **options)
    except CommandError as error:
        raise CommandError(f"{errors.getvalue()}{error}".replace(str(file), "agents.yaml")) from error
    teams.forget()
    return [*output.getvalue().splitlines(), *errors.getvalue().splitlines()]


def state() -> list[tuple[Any, ...]]:
    """All agents and versions, as far as a file has them."""
    versions = AgentVersion.objects.select_related("agent").order_by("agent__slug", "number")
    return [(each.agent.slug, each.agent.is_active, each.number, each.status, content.of(each)) for each in versions]


def emptied() -> None:
    Agent.objects.update(candidate=None)
    AgentVersion.objects.all().delete()
    Agent.objects.all().delete()


def test_what_we_ship_goes_out_and_changes_nothing_when_it_comes_in(database: World, tmp_path: Path) -> None:
    before, text = state(), exported()
    lines = imported(tmp_path, text, publish=True)
    assert set(lines) == {f"{slug}: unchanged." for slug in Agent.objects.values_list("slug", flat=True)}
    assert (state(), exported()) == (before, text)


def test_it_comes_back_as_it_was_in_an_empty_platform(database: World, tmp_path: Path) -> None:
    published(
        "poet",
        instructions="One\n  two  \n\n#three: no",
        model_settings={"stop": ["é"]},
        output_schema={"type": "object"},
    )
    before, text = state(), exported()
    emptied()
    assert "poet: a new agent; v1 is new, as a draft; v1 is published." in imported(tmp_path, text, publish=True)
    assert (state(), exported()) == (before, text)


def test_all_versions_come_back_with_their_numbers_and_status(database: World, tmp_path: Path) -> None:
    for instructions in ("One.", "Two.", "One."):
        published("poet", instructions=instructions)
    draft("poet", instructions="Four.")
    Agent.objects.filter(slug="coder").update(is_active=False)
    before, text = state(), exported(all_versions=True)
    emptied()
    imported(tmp_path, text, publish=True)
    assert (state(), exported(all_versions=True)) == (before, text)
    assert {line.partition(": ")[2] for line in imported(tmp_path, text, publish=True)} == {"unchanged."}


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40)
STOPS = st.lists(TEXTS.filter(bool), min_size=1, max_size=4)
ENUMS = st.lists(TEXTS | st.integers() | st.booleans() | st.none(), min_size=1, unique=True)
CONTENTS = st.fixed_dictionaries(
    {
        "description": TEXTS.map(str.strip).filter(bool),
        "instructions": st.lists(TEXTS, max_size=4).map("\n".join).map(str.strip).filter(bool),
    },
    optional={
        "temperature": st.none() | st.floats(0, 2),
        "model": st.sampled_from(["", "gpt-5-mini", "no", "1e5"]),
        "fallback_models": st.lists(st.sampled_from(["a", "null", "12:30"]), unique=True),
        "tools": st.lists(st.sampled_from(["calculator", "current_time"]), unique=True),
        "delegates": st.lists(st.sampled_from(["general", "writer"]), unique=True),
        "handoffs": st.lists(st.sampled_from(["general", "coder"]), unique=True),
        "model_settings": st.fixed_dictionaries({}, optional={"seed": st.integers(0, 9), "stop": STOPS}),
        "output_schema": st.none() | st.fixed_dictionaries({}, optional={"description": TEXTS, "enum": ENUMS}),
        "guard_mode": st.sampled_from(AgentVersion.GuardMode.values),
        "max_cost_usd": st.decimals("0.000001", 1000, places=6),
        "max_steps": st.integers(1, 1000),
    },
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(fields=CONTENTS)
def test_every_content_comes_back_exactly(database: World, fields: dict[str, Any]) -> None:
    database.baseline.restore()
    kept, faults = content.checked(fields, publishing.known_to("poet"))
    assert faults == []
    agent = Agent.objects.create(slug="poet")
    version = publishing.new_draft(agent, kept, actor=ACTOR)
    version.refresh_from_db()
    text = written([agent]).text
    database.baseline.restore()
    assert not bring_in(text.encode(), actor=ACTOR).faults
    again = AgentVersion.objects.get(agent__slug="poet")
    assert content.of(again) == content.of(version)
    assert written([again.agent]).text == text


def test_a_new_agent_is_a_draft_until_it_is_published(database: World, tmp_path: Path, alice: Persona) -> None:
    assert imported(tmp_path, POET) == ["poet: a new agent; v1 is new, as a draft."]
    assert alice.execute(agent_type="poet").status_code == 400
    assert imported(tmp_path, POET, publish=True) == ["poet: v1 has this content already (draft); v1 is published."]
    assert alice.execute(agent_type="poet").json()["agent_version"] == 1
    assert imported(tmp_path, POET, publish=True) == ["poet: unchanged."]
    version = AgentVersion.objects.get(agent__slug="poet")
    assert (version.instructions, version.tools, str(version.max_cost_usd)) == (
        "Answer in rhyme.\nBe short.",
        ["calculator"],
        "0.250000",
    )
    assert [entry.actor_kind for entry in AuditEntry.objects.filter(subject="poet v1")] == ["command", "command"]


def test_other_content_is_a_new_draft_that_says_what_differs(database: World, tmp_path: Path) -> None:
    imported(tmp_path, POET, publish=True)
    changed = POET.replace("Be short.", "Be long.").replace("0.25", "0.5")
    assert imported(tmp_path, changed) == ["poet: v2 is new, as a draft (other than v1 in instructions, max_cost_usd)."]
    assert imported(tmp_path, changed) == ["poet: v2 has this content already (draft)."]
    assert imported(tmp_path, changed, publish=True)[0].endswith("v2 is published in place of v1.")
    assert imported(tmp_path, POET, publish=True)[0].endswith("v1 is published in place of v2."), "a roll-back by file"


def test_a_dry_run_says_the_same_and_does_nothing(database: World, tmp_path: Path) -> None:
    before = state(), AuditEntry.objects.count(), Agent.objects.count()
    lines = imported(tmp_path, POET, publish=True, dry_run=True)
    assert lines == [
        "poet: a new agent; v1 is new, as a draft; v1 is published.",
        "Nothing was changed: this was a dry run.",
    ]
    assert (state(), AuditEntry.objects.count(), Agent.objects.count()) == before


def test_agents_of_a_file_may_name_each_other(database: World, tmp_path: Path) -> None:
    text = """\
agents:
  lead: {description: Leads., instructions: Lead., strategy: plan, delegates: [helper], handoffs: [other]}
  helper: {description: Helps., instructions: Help.}
  other: {description: Goes on., instructions: Go on., handoffs: [lead]}
"""
    assert len(imported(tmp_path, text, publish=True)) == 3
    assert AgentVersion.objects.get(agent__slug="lead").delegates == ["helper"]


def test_what_is_published_together_is_checked_together(database: World, tmp_path: Path) -> None:
    published("two")
    published("one", delegates=["two"])
    text = """\
agents:
  two: {description: Two., instructions: Two., delegates: [one]}
  one: {description: One., instructions: One.}
"""
    imported(tmp_path, text, publish=True)
    assert publishing.published_delegates()["two"] == ["one"]
    with pytest.raises(
        CommandError, match=r"agents.yaml:3: agents.one.delegates: Its delegates lead back to it: one → two → one."
    ):
        imported(tmp_path, text.replace("instructions: One.", "instructions: One., delegates: [two]"))


def test_a_model_without_a_price_is_warned_of(database: World, tmp_path: Path) -> None:
    lines = imported(tmp_path, f"{POET}    model: nobody-priced-this\n", publish=True)
    assert lines[1].startswith("Warning: poet v1: The model nobody-priced-this has no price")


def test_an_agent_is_switched_off_where_the_file_says_so(database: World, tmp_path: Path) -> None:
    imported(tmp_path, POET, publish=True)
    assert imported(tmp_path, f"{POET}    is_active: false\n") == ["poet: switched off."]
    assert imported(tmp_path, POET) == ["poet: unchanged."], "a file that says nothing of it changes nothing"
    assert "is_active: false" in exported("poet")


FAULTY = """\
agents:
  poet:
    description: no
    instructions: >
      Rhyme.
    tools: [hammer]
    max_step: 3
    max_cost_usd: lots
    model_settings:
      top_p: 3
      base_url: http://127.0.0.1
    output_schema: {type: nonsense}
  Poet!:
    description: x
  writer:
    temperature: warm
    is_active: maybe
  coder: [x]
colour: red
"""


FAULTS = """\
agents.yaml:6: agents.poet.tools: There is no tool 'hammer'; there are: TOOLS.
agents.yaml:7: agents.poet.max_step: There is no such field; did you mean max_steps?
agents.yaml:8: agents.poet.max_cost_usd: It takes US dollars above 0, at most 1,000, with at most six decimals.
agents.yaml:10: agents.poet.model_settings.top_p: It takes a number above 0, at most 1.
agents.yaml:11: agents.poet.model_settings.base_url: There is no such setting; there are: top_p, presence_penalty, \
frequency_penalty, seed, stop, reasoning_effort, verbosity.
agents.yaml:12: agents.poet.output_schema: This is no JSON Schema: 'nonsense' is not valid under any of the given schemas.
agents.yaml:13: agents.Poet!: A slug has at most 64 lower-case letters, digits, - and _, and begins with a letter or digit.
agents.yaml:15: agents.writer.description: It is missing; it takes one sentence of at most 300 characters.
agents.yaml:15: agents.writer.instructions: It is missing; it takes text of at most 100,000 characters.
agents.yaml:16: agents.writer.temperature: It takes a number from 0 to 2, or nothing for the provider's default.
agents.yaml:17: agents.writer.is_active: It takes true or false.
agents.yaml:18: agents.coder: It takes the agent's fields below its slug.
agents.yaml:19: colour: There is no such field here; there are: agents.
Nothing was imported: 13 faults in agents.yaml."""


def test_all_faults_are_told_with_their_lines_and_nothing_is_done(database: World, tmp_path: Path) -> None:
    before = state(), AuditEntry.objects.count()
    with pytest.raises(CommandError) as refused:
        imported(tmp_path, FAULTY, publish=True)
    assert str(refused.value) == FAULTS.replace("TOOLS", ", ".join(registry.names()))
    assert (state(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "agents.yaml:1: The file takes the field agents"),
        ("agents:", "agents.yaml:1: The file takes the field agents"),
        ("agents: []", "agents.yaml:1: The file takes the field agents"),
        ("- 1", "agents.yaml:1: The file takes the field agents"),
        ("agents: {poet: {description: a: b}}", "agents.yaml:1: This is no YAML"),
        (b"\xff\xfe", "agents.yaml:1: This is no text in UTF-8."),
        (b"# " + b"x" * (5 * 1024 * 1024), "agents.yaml:1: The file has 5,242,881 bytes; 5,242,880 can be read."),
        ("agents: {poet: {versions: []}}", "agents.poet.versions: It takes a list of at most 500 versions."),
        ("agents: {poet: {versions: [1]}}", "agents.poet.versions[0]: It takes a version's fields."),
        ("agents: {poet: {versions: [{number: 0}]}}", "agents.poet.versions[0].number: It takes a whole number"),
        ("agents: {poet: {versions: [{number: 1}, {number: 1}]}}", "agents.poet.versions[1].number: It takes a whole number"),
        ("agents: {poet: {versions: [{status: live}]}}", "versions[0].status: It takes draft, published, candidate or retired."),
        ("agents: {poet: {versions: [{status: published}, {status: published}]}}", "One version is published at a time."),
        ("agents: {poet: {versions: [{}], description: x}}", "agents.poet.description: There is no such field here"),
        ("agents: {poet: {status: draft}}", "agents.poet.status: There is no such field"),
        ("agents: {" + ",".join(f"a{n}: {{}}" for n in range(501)) + "}", "There are 501 agents; a file has at most 500."),
        ("agents: {poet: {delegates: [poet]}}", "agents.poet.delegates: An agent cannot name itself"),
        ("agents: {poet: {output_schema: {1: {}}}}", "Names in it are text; put 1 in quotes."),
        ("agents: {poet: {tools: [calculator, 3]}}", "agents.poet.tools[1]: It takes a list of tools' names"),
    ],
)  # fmt: skip
def test_a_file_of_nonsense_is_refused_in_a_line(
    database: World, tmp_path: Path, text: str | bytes, message: str
) -> None:
    before = state()
    with pytest.raises(CommandError, match=re.escape(message)):
        imported(tmp_path, text)
    assert state() == before


def test_very_many_faults_are_cut(database: World, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"… and 800 more\.\n.*1000 faults"):
        imported(tmp_path, "agents:\n" + "".join(f"  a{n}: {{}}\n" for n in range(500)))


def test_files_that_cannot_be_read_or_written_are_told(database: World, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("importagents", str(tmp_path / "none.yaml"))
    with pytest.raises(CommandError, match=r"--output: .* cannot be written"):
        exported(output=str(tmp_path / "none" / "agents.yaml"))
    with pytest.raises(CommandError, match="There is no agent nobody; there are: analyst, auto"):
        exported("general", "nobody")


def test_a_file_is_written_whole(database: World, tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    assert exported("general", "coder", output=str(file)) == f"2 agents are written to {file}.\n"
    assert re.findall(r"^  (\w+):$", file.read_text(), re.MULTILINE) == ["coder", "general"]
    assert list(tmp_path.iterdir()) == [file]


def test_an_agent_without_versions_is_left_out(database: World) -> None:
    Agent.objects.create(slug="empty")
    errors = StringIO()
    call_command("exportagents", "empty", stdout=StringIO(), stderr=errors)
    assert errors.getvalue() == "Left out: empty. It has no version.\n"


class TestConsole:
    """The same by buttons."""

    URL = "/admin/agents/agent/import/"

    def sent(self, operator: django.test.Client, **fields: Any) -> str:
        answer = operator.post(self.URL, fields, follow=True)
        assert answer.status_code == 200
        teams.forget()
        return answer.content.decode()

    def test_it_is_looked_at_then_imported(self, operator: django.test.Client, alice: Persona) -> None:
        file = SimpleUploadedFile("agents.yaml", POET.encode())
        page = self.sent(operator, file=file, publish="on", _look="1")
        assert "poet: a new agent; v1 is new, as a draft; v1 is published." in page
        assert "Nothing is changed yet." in page
        assert "Answer in rhyme." in page, "the text is kept for the next step"
        assert not Agent.objects.filter(slug="poet").exists()
        page = self.sent(operator, text=POET.replace("\n", "\r\n"), publish="on", _import="1")
        assert "poet: a new agent; v1 is new, as a draft; v1 is published." in page
        assert alice.execute(agent_type="poet").json()["agent_version"] == 1
        assert set(AuditEntry.objects.filter(subject="poet v1").values_list("actor", flat=True)) == {OPERATOR}

    def test_faults_are_told(self, operator: django.test.Client) -> None:
        page = self.sent(operator, text=FAULTY, _import="1")
        assert "Nothing was imported; the file has 13 faults:" in page
        assert "text:6: agents.poet.tools: There is no tool &#x27;hammer&#x27;" in page
        assert not Agent.objects.filter(slug="poet").exists()

    def test_what_a_file_says_is_escaped(self, operator: django.test.Client) -> None:
        xss = "<script>alert(1)</script>"
        page = self.sent(operator, text=f'agents: {{"{xss}": {{}}}}', _look="1")
        assert xss not in page
        assert "&lt;script&gt;" in page

    def test_agents_are_downloaded(self, operator: django.test.Client, database: World) -> None:
        published("poet", instructions="One.")
        tried_out("poet", 5, instructions="Two.")
        every = operator.get(reverse("admin:agents_agent_export_all"))
        assert every["Content-Disposition"] == 'attachment; filename="agents.yaml"'
        assert every.content.decode() == exported()
        one = operator.get(reverse("admin:agents_agent_export_one", args=[Agent.objects.get(slug="poet").pk]))
        assert one.content.decode() == exported("poet", all_versions=True)
        assert "status: candidate" in one.content.decode()

    def test_who_may_only_look_brings_nothing_in(self, database: World) -> None:
        viewer = User.objects.create_user("viewer", is_staff=True)
        viewer.user_permissions.set(Permission.objects.filter(codename__in=("view_agent", "view_agentversion")))
        client = django.test.Client()
        client.force_login(viewer)
        assert client.post(self.URL, {"text": POET, "_import": "1"}).status_code == 403
        assert client.get("/admin/agents/agent/export/").status_code == 200
        assert not Agent.objects.filter(slug="poet").exists()
