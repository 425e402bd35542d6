"""Follows a document's recipes in a copy of the project: new files, and changes of those that exist."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import ROOT, Block, blocks, read

NAMED = re.compile(r"`([\w./]+\.py)`:")
COPIED = ("accounts", "agentplatform", "agents", "clients", "deploy", "docs", "feedback", "tests")


@dataclass(frozen=True)
class Step:
    """One block of a recipe, and the file it is about."""

    block: Block
    path: str


def copy_of_the_project(folder: Path) -> Path:
    """A copy to change, with all that the tests read."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file() and file.name not in {".env", ".git"} and not file.name.startswith(".coverage"):
            shutil.copy(file, folder / file.name)
    return folder


def steps(page: str) -> list[Step]:
    """The page's steps in order. Each is about the file that was named last with a colon behind it."""
    text = read(page)
    return [Step(block, NAMED.findall(text[: block.start])[-1]) for block in blocks(page, "python", "diff")]


def follow(step: Step, project: Path) -> None:
    """Do what the step says; fails where it does not fit the file as it is."""
    file = project / step.path
    if step.block.language == "python":
        assert not file.exists(), f"{step.block}: {step.path} is there already"
        file.write_text(step.block.text)
        return
    lines = step.block.text.splitlines()
    kept = {sign: [line[1:] for line in lines if line[:1] in (sign, " ")] for sign in "-+"}
    old, new = ("\n".join(kept[sign]) + "\n" for sign in "-+")
    text = file.read_text()
    if old == "\n":
        file.write_text(text + new)
        return
    assert text.count(old) == 1, f"{step.block}: these lines occur {text.count(old)} times in {step.path}:\n{old}"
    file.write_text(text.replace(old, new))
