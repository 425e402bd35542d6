"""What we are built of, and that no secret ever was in the repository."""

import json
import re
import subprocess
import sys
from pathlib import Path

from agents.guards.masking import secrets_in
from tests import licences

ROOT = Path(__file__).parents[2]
# Shapes that tests and documents need, made up here or by their issuers.
EXAMPLES = re.compile(
    r"EXAMPLE|abcdefgh|ABCDEFGH|01234567|123456789|xxxxxx|(.)\1{6}|planted|canary|whsec_test|whsec_MfKQ9r8",
    re.IGNORECASE,
)


def test_the_bill_of_materials_names_each_package_with_its_hashes(tmp_path: Path) -> None:
    bill = tmp_path / "sbom.json"
    program, locked = Path(sys.executable).with_name("cyclonedx-py"), ROOT / "requirements.txt"
    command = [
        str(program),
        "requirements",
        str(locked),
        "--output-reproducible",
        "--validate",
        "--output-file",
        str(bill),
    ]
    subprocess.run(command, check=True, capture_output=True)
    components = {each["name"]: each for each in json.loads(bill.read_text())["components"]}
    assert set(licences.locked("requirements.txt")) <= set(components)
    for name, component in components.items():
        assert component["externalReferences"][0]["hashes"], name
        assert component["purl"].startswith(f"pkg:pypi/{name}@"), name


def test_no_secret_is_in_the_history() -> None:
    """In no line that any commit ever added. A clone without its history has its own files alone."""
    told = subprocess.run(
        ["git", "log", "--all", "-p", "--unified=0", "--no-color", "--format=commit %h"],
        cwd=ROOT, check=True, capture_output=True, text=True, errors="replace",
    ).stdout  # fmt: skip
    added = "\n".join(line[1:] for line in told.splitlines() if line.startswith("+"))
    assert len(added) > 100_000
    found = {secret for secret in secrets_in(added) if not EXAMPLES.search(secret)}
    assert found == set()
