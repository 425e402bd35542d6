"""An MCP server in a few lines, which starts at once: `a_plain_server.py KIND FOLDER`, where KIND says what is wrong with it.

FOLDER/calls gets a line for each call; FOLDER/description, when it is there, is what `add` says of itself.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

KIND, FOLDER = sys.argv[1], Path(sys.argv[2])
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
NOTHING = {"type": "object"}
TOOLS = [
    {"name": "add", "inputSchema": NUMBERS, "annotations": {"readOnlyHint": True}},
    {"name": "hang", "description": "Never answer.", "inputSchema": NOTHING},
    {"name": "die", "description": "Die.", "inputSchema": NOTHING},
    {"name": "work", "description": "Work.", "inputSchema": NOTHING},
    {"name": "environment", "description": "Tell all variables.", "inputSchema": NOTHING},
]
ODD = [
    {"name": "a b/c", "inputSchema": NOTHING},
    {"name": "a b c", "inputSchema": NOTHING},
    {"name": "w" * 90, "inputSchema": NOTHING},
    {"name": "long", "description": "x" * 9000, "inputSchema": NOTHING},
    {"name": "hidden", "description": "Add.\U000e0041", "inputSchema": NOTHING},
    {"name": "remote", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}},
    {"name": "large", "inputSchema": {"type": "object", "description": "x" * 40_000}},
]
MANY = [{"name": f"work-{number}", "inputSchema": NOTHING} for number in range(2000)]


WRONG = [*TOOLS, {"name": "list", "inputSchema": {"type": "array"}}]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def answer(request: dict[str, Any], **fields: Any) -> None:
    say(json.dumps({"jsonrpc": "2.0", "id": request["id"], **fields}))


def tell(request: dict[str, Any], text: object) -> None:
    answer(request, result={"content": [{"type": "text", "text": str(text)}]})


def note(call: str) -> None:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(f"{call}\n")


def tools() -> list[dict[str, Any]]:
    own = FOLDER / "description"
    description = own.read_text() if own.exists() else "Add two numbers."
    return {"odd": ODD, "many": MANY, "wrong": WRONG}.get(KIND) or [
        {"description": description, **tool} for tool in TOOLS
    ]


def work(request: dict[str, Any]) -> None:
    match KIND:
        case "junk answer":
            answer(request, result={"content": "five"})
        case "junk lines":
            say("{")
            say("\x00\xff")
            tell(request, "Worked.")
        case "deep":
            say('{"jsonrpc": "2.0", "id": ' + str(request["id"]) + ', "result": ' + "[" * 100_000)
        case "flood":
            for _ in range(10**6):
                say('{"jsonrpc": "2.0", "method": "notifications/message"}')
        case "parent":
            os._exit(1)  # its child holds the pipes open
        case "refusing":
            answer(request, error={"code": -32000, "message": "Come back on Monday. " * 100})
        case _:
            tell(request, "Worked.")


def call(request: dict[str, Any]) -> None:
    params = request["params"]
    name, arguments = params["name"], params.get("arguments", {})
    note(" ".join(map(str, (name, *arguments.values()))))
    match name:
        case "add":
            tell(request, arguments["a"] + arguments["b"])
        case "environment":
            tell(request, json.dumps({**os.environ, "reversed": os.environ.get("GITHUB_TOKEN", "")[::-1]}))
        case "die":
            os._exit(3)
        case "work":
            work(request)


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        match request.get("method"):
            case "initialize":
                server = {"name": "plain", "version": "1"}
                result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server}
                answer(request, result=result)
            case "tools/list":
                answer(request, result={"tools": tools()})
            case "tools/call":
                call(request)
            case "notifications/cancelled":
                note("cancelled")
            case _ if "id" in request:
                answer(request, error={"code": -32601, "message": "Method not found"})


match KIND:
    case "silent":
        time.sleep(600)
    case "ends":
        sys.exit(f"no database for {os.environ.get('PASSWORD', 'nobody')}")
    case "junk":
        while True:
            say("I would rather talk of the weather.")
    case "endless":
        while True:
            sys.stdout.write("x" * 65536)
    case "parent":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
serve()
