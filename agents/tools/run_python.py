"""Python code that a model wrote, in the sandbox of pydantic-monty: an interpreter without files, network or environment.

The interpreter bounds time, memory, recursion and sleep itself. It runs as a process of its own, so that what it does not
bound (showing a value that is huge) can be killed, and a fault in it harms nobody.
"""

import os
import re
import shutil
import sysconfig
from functools import lru_cache
from pathlib import Path

from agents.tools import child
from agents.tools.tool import ToolError, tool

MAX_CODE_CHARACTERS = 20_000
RUN_SECONDS = 5
# The interpreter looks at its own limits now and then; this long after them it is killed.
GRACE_SECONDS = 1
MAX_MEMORY = "64MB"
MAX_SLEEP_SECONDS = 1
MAX_OUTPUT_BYTES = 16 * 1024
MAX_TOLD_CHARACTERS = 4_000
NOTHING = "The code ran. It printed nothing, and its last line has no value."
# The interpreter ends with a line such as `1.25ms ❯ 42`, or `… ❯ error: Traceback …`; on what cannot be read, `error:` alone.
RESULT = re.compile(r"(?:[0-9.]+(?:ns|[µμ]s|ms|s) ❯ )?error:\s*|[0-9.]+(?:ns|[µμ]s|ms|s) ❯ ")
FILE = re.compile(r'File "/proc/self/fd/[0-9]+", ')
# Its word for a function that nothing defines, which it takes for one of a host program's.
UNDEFINED = re.compile(r"unknown external function: (\w+)\(")


@tool(effect="pure", timeout_seconds=20)
async def run_python(code: str) -> str:
    """Run Python code in a sandbox. Gives what it prints, and the value of its last line. It has no files, no network and no
    installed packages; math, re, json, datetime, random, itertools, collections and decimal can be imported.

    Args:
        code: The whole code, at most 20,000 characters. Nothing is kept from one call to the next.
    """
    if len(code) > MAX_CODE_CHARACTERS:
        raise ToolError(f"The code has {len(code)} characters; at most {MAX_CODE_CHARACTERS} can be run.")
    if "\0" in code or not code.strip():
        raise ToolError("There is no code to run.")
    done = await _run(code.encode(errors="replace"))
    printed = done.output.decode(errors="replace")
    told = FILE.sub("", done.errors.decode(errors="replace"))
    if done.is_cut:
        beginning = (printed or told)[:MAX_TOLD_CHARACTERS]
        raise ToolError(
            f"The code gave more than {MAX_OUTPUT_BYTES // 1024} KiB and was stopped. It began:\n{beginning}"
        )
    if done.is_late or "TimeoutError: feed time limit exceeded" in told:
        raise ToolError(_after(printed, f"The code ran for longer than {RUN_SECONDS} s and was stopped."))
    if "exceeds the memory limit" in told or "MemoryError: memory limit exceeded" in told:
        line = re.search(r"line [0-9]+", told)
        place = f" ({line[0]})" if line else ""
        raise ToolError(_after(printed, f"The code needs more memory than {MAX_MEMORY}{place}."))
    result = RESULT.search(told)
    if done.status or result is None:
        error = told[result.end() :] if result else "The code ended the interpreter."
        raise ToolError(_after(printed, (_undefined(error, code) or error).strip()[-MAX_TOLD_CHARACTERS:]))
    value = told[result.end() :].rstrip("\n")
    printed += told[: result.start()]
    return _after(printed, "" if value == "None" else value) or NOTHING


async def _run(code: bytes) -> child.Done:
    """The code reaches the interpreter as a file in memory, so that neither a disk nor the list of processes shows it."""
    descriptor = os.memfd_create("code")
    try:
        os.write(descriptor, code)
        return await child.run(
            [
                str(_interpreter()),
                f"--max-feed-duration={RUN_SECONDS}",
                f"--max-memory={MAX_MEMORY}",
                f"--max-total-sleep={MAX_SLEEP_SECONDS}",
                f"/proc/self/fd/{descriptor}",
            ],
            seconds=RUN_SECONDS + MAX_SLEEP_SECONDS + GRACE_SECONDS,
            max_bytes=MAX_OUTPUT_BYTES,
            descriptors=[descriptor],
        )
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def _interpreter() -> Path:
    """The program that comes with the package pydantic-monty-runtime."""
    beside = Path(sysconfig.get_path("scripts")) / "monty"
    found = beside if beside.is_file() else shutil.which("monty")
    if found is None:
        raise ToolError("Python code cannot be run here: the operator has to install pydantic-monty-runtime.")
    return Path(found)


def _undefined(error: str, code: str) -> str:
    """The error as Python has it, with the first line that calls the function, if it is about one that nothing defines."""
    if not (undefined := UNDEFINED.match(error)):
        return ""
    name = undefined[1]
    lines = code.splitlines()
    place = next((n for n, line in enumerate(lines, 1) if re.search(rf"\b{re.escape(name)}\s*\(", line)), 0)
    return f"line {place}\n    {lines[place - 1].strip()}\nNameError: name {name!r} is not defined"


def _after(printed: str, told: str) -> str:
    """What was printed, then what is told, on lines of its own."""
    return "\n".join(filter(None, (printed.rstrip("\n"), told)))
