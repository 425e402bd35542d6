"""The model as nginx plays it: one answer, at once; below /streamed as server-sent events, as workers ask for it."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentplatform.embedded.ports import LOOPBACK, free_port
from bench.platform import is_answering

START_SECONDS = 10
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Reduce the time to answer at the edge; add alerts on what may fail; move what runs at night to a "
                "queue. Each point has an owner, a date and a figure, so that the team can look at it every week.",
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 52, "completion_tokens": 48, "total_tokens": 100},
}
CONFIGURATION = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn; worker_rlimit_nofile 20000;
events {{ worker_connections 10000; multi_accept on; }}
http {{
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; default_type application/json; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {address} backlog=4096;
    location /v1/chat/completions {{ return 200 '{answer}'; }}
    location /streamed/v1/chat/completions {{ default_type text/event-stream; return 200 "{events}"; }}
    location / {{ return 200 '{{}}'; }}
  }}
}}
"""


def _events() -> str:
    """The same answer in pieces, few of them: a word of nginx's configuration has at most 4 KB."""
    choice: dict[str, Any] = ANSWER["choices"][0]
    pieces = choice["message"]["content"].partition(";")
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks += [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": ANSWER["usage"]},
    ]
    whole = {**ANSWER, "object": "chat.completion.chunk"}
    return (
        "".join(f"data: {json.dumps({**whole, 'usage': None, **chunk})}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    )


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Serve the answer for the block; gives the address that OPENAI_BASE_URL takes."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    address = f"{LOOPBACK}:{free_port()}"
    folder.mkdir()
    configuration = folder / "nginx.conf"
    texts = {"answer": json.dumps(ANSWER), "events": _events().replace('"', '\\"')}
    configuration.write_text(CONFIGURATION.format(folder=folder, address=address, **texts))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        while not is_answering(f"http://{address}/"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"nginx did not start: {(folder / 'error.log').read_text()[-500:]}")
            time.sleep(0.05)
        yield f"http://{address}/v1"
    finally:
        process.terminate()
        process.wait(10)
