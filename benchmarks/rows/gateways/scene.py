"""The mock of an OpenAI server, and the servers that stand before it, each for the length of a block."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.side import ROOT

__all__ = ["mock", "project", "serving"]

UPSTREAM = ROOT / "tests/support/mock_upstream.py"
QUIET = {
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # neither server asks for a key
    "OPENBLAS_NUM_THREADS": "1",
}
STARTS = 120.0  # seconds


@contextmanager
def mock(folder: Path) -> Iterator[str]:
    """Its address, as `http://127.0.0.1:4711/v1`. It answers at once."""
    port = _port()
    command = [sys.executable, str(UPSTREAM), "--port", str(port)]
    with _running(command, f"http://127.0.0.1:{port}/", log=folder / "mock.log"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def serving(name: str, folder: Path, url: str) -> Iterator[tuple[str, int]]:
    """`ragstone serve` or LiteLLM's proxy before the mock: where completions are asked for, and its process."""
    port, program = _port(), str(Path(sys.executable).with_name(name))
    address = f"http://127.0.0.1:{port}"
    if name == "ragstone":
        command = [program, "serve", "--project", str(project(folder, url)), "--port", str(port)]
        health = f"{address}/healthz"
    else:
        command = [program, "--config", str(_config(folder, url)), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--num_workers", "1"]
        health = f"{address}/health/liveliness"
    with _running(command, health, log=folder / "server.log") as pid:
        yield f"{address}/v1/chat/completions", pid


def project(folder: Path, url: str) -> Path:
    """A project whose one route is the mock, with a price: each call is counted."""
    from ragstone.cli.init import Default, write

    made = folder / "project"
    made.mkdir()
    write(made, model=Default.extractive)
    model = f"kind: model\ntype: openai\nbase_url: {url}\nmodel: mock\nprice: {{input: 0.1, output: 0.5}}\n"
    (made / "connectors/mock.yaml").write_text(model)
    (made / "pipelines/answer.yaml").write_text("index: ingest\nroute: {models: [mock]}\n")
    return made


def _config(folder: Path, url: str) -> Path:
    """The same for LiteLLM's proxy."""
    made = folder / "litellm.yaml"
    params = {"model": "openai/mock", "api_base": url, "api_key": "none"}
    params |= {"input_cost_per_token": 1e-7, "output_cost_per_token": 5e-7}
    listed = [{"model_name": "route/answer", "litellm_params": params}]
    made.write_text(json.dumps({"model_list": listed, "litellm_settings": {"telemetry": False}}))
    return made


@contextmanager
def _running(command: list[str], health: str, *, log: Path) -> Iterator[int]:
    """A process for the block, once its health address answers."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, **QUIET}
        )
    try:
        limit = time.monotonic() + STARTS
        while not _answers(health):
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"{Path(command[0]).name} did not start: {log.read_text()[-300:].strip()}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
