"""deploy.sh up to where it needs Docker, and past it with a `docker` that only says what it was told to."""

import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
TOOLS = ["awk", "bash", "cat", "cp", "df", "env", "head", "id", "ln", "mv", "rm", "sed", "sleep", "sort", "tail", "tr"]
DOCKER = """#!/usr/bin/env bash
# Notes how it was called, and fails where FAILS is a part of that.
echo "$*" >> "$CALLS"
[[ -z ${FAILS:-} || $* != *"$FAILS"* ]] || { echo "docker: as told" >&2; exit 1; }
case $* in
    "compose version --short") echo "${COMPOSE_VERSION:-v2.40.1}" ;;
    "version --format "*) echo 28.5.0 ;;
    *"config --services") printf '%s\\n' migrate web worker postgres ;;
    *"ps --all --quiet "*) echo "a-container" ;;
    inspect*) echo "${HEALTH:-healthy}" ;;
    *createapikey*) echo a-key ;;
    *psql*) cat > /dev/null ;;
esac
"""


class Machine:
    """A folder with the project's deploy.sh in it, and the only commands that it finds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.commands, self.calls = folder / "project", folder / "bin", folder / "calls"
        self.commands.mkdir()
        (self.folder / "tests").mkdir(parents=True)
        for name in ("deploy.sh", ".env.example", "tests/smoke.py"):
            shutil.copy(PROJECT / name, self.folder / name)
        with (self.folder / ".env.example").open("a") as example:
            example.write(f"PORT={free_port()}\n")
        for name in TOOLS:
            found = shutil.which(name)
            assert found, f"{name} is not on this machine"
            (self.commands / name).symlink_to(found)
        self.command("docker", DOCKER)
        self.calls.touch()

    def command(self, name: str, text: str) -> None:
        """Put a command in the place of another."""
        path = self.commands / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def deploy(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./deploy.sh", *options],
            cwd=self.folder,
            env={"PATH": str(self.commands), "CALLS": str(self.calls), **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def env_file(self) -> Path:
        return self.folder / ".env"

    def settings(self) -> dict[str, str]:
        """What .env sets."""
        lines = self.env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def settle(self, **values: str) -> None:
        """Have a .env in which all is right but for these."""
        kept = {"LOCAL_MODEL": "0", "OPENAI_BASE_URL": "http://provider/v1", "PORT": free_port()}
        kept |= dict.fromkeys(("SECRET_KEY", "API_KEY_PEPPER", "POSTGRES_PASSWORD"), 64 * "x") | values
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line that it ended with."""
    assert ended.returncode == 1, ended.stdout + ended.stderr
    *before, last = ended.stderr.splitlines()
    assert last.startswith("deploy.sh: ")
    # What Docker itself said comes first, and nothing else.
    assert set(before) <= {"docker: as told"}
    return last


def test_it_deploys_and_says_what_to_do_next(machine: Machine) -> None:
    ended = machine.deploy("--host", "api.example.com", OPENAI_API_KEY="sk-of-a-test")

    assert ended.returncode == 0, ended.stderr
    made = machine.settings()
    assert made["ENVIRONMENT"] == "production"
    assert made["ALLOWED_HOSTS"] == "localhost,127.0.0.1,api.example.com"
    assert (made["OPENAI_API_KEY"], made["LOCAL_MODEL"]) == ("sk-of-a-test", "0")
    fresh = [made[name] for name in ("SECRET_KEY", "API_KEY_PEPPER", "POSTGRES_PASSWORD", "METRICS_TOKEN")]
    assert len(set(fresh)) == 4
    assert {len(secret) for secret in fresh} == {64}
    assert stat.S_IMODE(machine.env_file.stat().st_mode) == 0o600
    assert "docker compose exec web python manage.py createapikey" in ended.stdout
    assert not any(secret in ended.stdout + ended.stderr for secret in [*fresh, made["ADMIN_PASSWORD"]])
    order = [
        "build",
        "up --detach --quiet-pull --wait",
        "run --rm migrate",
        "up --detach --remove-orphans",
        "createapikey",
    ]
    calls = machine.calls.read_text()
    assert sorted(order, key=calls.index) == order


def test_a_second_time_it_keeps_the_settings(machine: Machine) -> None:
    machine.settle()
    before = machine.env_file.read_bytes()

    ended = machine.deploy(OPENAI_API_KEY="sk-another", ENVIRONMENT="development")

    assert ended.returncode == 0, ended.stderr
    assert ".env is there and stays as it is." in ended.stdout
    assert machine.env_file.read_bytes() == before


def test_it_builds_the_local_model_where_that_answers(machine: Machine) -> None:
    assert machine.deploy("--local-model").returncode == 0
    assert "build --quiet web model" in machine.calls.read_text()
    assert machine.settings()["OPENAI_BASE_URL"] == "http://model:8080/v1"


def test_it_says_how_it_is_called(machine: Machine) -> None:
    (machine.commands / "docker").unlink()

    assert "--local-model" in machine.deploy("--help").stdout
    assert "--help lists them" in refusal(machine.deploy("--hots", "x"))
    assert "takes a host name" in refusal(machine.deploy("--host"))
    assert "takes a host name" in refusal(machine.deploy("--host", "https://api.example.com/"))
    assert not machine.env_file.exists()


def test_it_misses_docker(machine: Machine) -> None:
    (machine.commands / "docker").unlink()
    assert "Docker is missing. Install it: https://" in refusal(machine.deploy())


@pytest.mark.parametrize(
    ("environment", "what_is_right"),
    [
        ({"FAILS": "compose version"}, "compose plugin is missing. Install it"),
        ({"COMPOSE_VERSION": "2.3.3"}, "2.3.3 is too old; it takes 2.24.0 or later"),
        ({"FAILS": "info"}, "Docker does not answer. Start it (sudo systemctl start docker)"),
    ],
)
def test_it_checks_the_machine_first(machine: Machine, environment: dict[str, str], what_is_right: str) -> None:
    assert what_is_right in refusal(machine.deploy(**environment))
    assert not machine.env_file.exists()


def test_it_wants_room_on_the_disk(machine: Machine) -> None:
    machine.command("df", "#!/usr/bin/env bash\nprintf 'head\\n/dev/x 9000 8000 1000 89%% /\\n'\n")
    assert "Only 1000 MB are free" in refusal(machine.deploy())
    assert not machine.env_file.exists()


def test_it_wants_a_provider(machine: Machine) -> None:
    assert "OPENAI_API_KEY is not set in .env. Put it there" in refusal(machine.deploy())
    assert "build" not in machine.calls.read_text()


def test_it_misses_its_own_files(machine: Machine) -> None:
    (machine.folder / ".env.example").unlink()
    assert ".env.example is missing here" in refusal(machine.deploy())


@pytest.mark.parametrize(
    ("name", "value", "what_is_right"),
    [
        (
            "SECRET_KEY",
            "short",
            "SECRET_KEY in .env takes a random value of at least 32 characters: openssl rand -hex 32",
        ),
        ("API_KEY_PEPPER", "", "API_KEY_PEPPER in .env takes a random value"),
        ("POSTGRES_PASSWORD", "with/slash@sign", "POSTGRES_PASSWORD in .env takes letters, digits"),
        ("POSTGRES_PASSWORD", "", "POSTGRES_PASSWORD in .env takes letters, digits"),
        ("PORT", "eighty", "PORT in .env takes a number from 1 to 65535"),
        ("PORT", "70000", "PORT in .env takes a number from 1 to 65535"),
    ],
)
def test_it_reads_the_settings_first(machine: Machine, name: str, value: str, what_is_right: str) -> None:
    machine.settle(**{name: value})
    assert what_is_right in refusal(machine.deploy())


@pytest.mark.parametrize(("option", "name"), [((), "PORT"), (("--monitoring",), "PROMETHEUS_PORT")])
def test_it_finds_a_port_taken(machine: Machine, option: tuple[str, ...], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        machine.settle(**{name: port})
        expected = f"Port {port} is taken by another program. Stop it, or set {name} in .env to a free one."
        assert expected in refusal(machine.deploy(*option))


@pytest.mark.parametrize(
    ("environment", "what_is_right"),
    [
        ({"FAILS": "config --quiet"}, "Docker Compose cannot use .env; it says why above."),
        ({"FAILS": "build"}, "The image could not be built; Docker says why above."),
        ({"FAILS": "--wait postgres"}, "A store did not start. See: docker compose logs"),
        ({"FAILS": "psql"}, "PostgreSQL does not take the password of .env."),
        ({"FAILS": "run --rm migrate"}, "The database was not migrated; nothing else was started or stopped."),
        ({"FAILS": "--remove-orphans"}, "Not everything started; Docker says why above."),
        ({"HEALTH": "starting", "HEALTHY_SECONDS": "0"}, "Not healthy after 0 s: web worker postgres."),
        ({"FAILS": "createapikey"}, "No key for the smoke test could be made"),
        ({"FAILS": "python - --url"}, "The platform runs, but the smoke test failed; the line with FAIL says where."),
    ],
)
def test_it_says_which_step_failed(machine: Machine, environment: dict[str, str], what_is_right: str) -> None:
    machine.settle()
    assert what_is_right in refusal(machine.deploy(**environment))


def test_a_secret_may_be_a_file(machine: Machine) -> None:
    machine.settle(SECRET_KEY="", SECRET_KEY_FILE="/a/file", OPENAI_BASE_URL="", OPENAI_API_KEY_FILE="/another")
    assert machine.deploy().returncode == 0
