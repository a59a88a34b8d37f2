"""`ragstone model serve`, as a real process with a real vLLM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import free_port, missing
from vllm_here import VLLM_ENVIRONMENT, VLLM_PYTHON

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "ragstone", "model", "serve"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model."""
    if not VLLM_PYTHON.exists():
        missing("vLLM", "Run: make test-vllm")
    folder = tmp_path_factory.mktemp("serve") / "tiny"
    texts = sorted(ROOT.glob("docs/*.md"))
    subprocess.run([VLLM_PYTHON, Path(__file__).with_name("make_tiny_model.py"), folder, *texts], check=True)
    return folder


@contextmanager
def serving(model: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs; it is ended with all of its processes."""
    server = subprocess.Popen(
        [*SERVE, model, "--python", VLLM_PYTHON, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": VLLM_ENVIRONMENT["VLLM_CPU_KVCACHE_SPACE"]},
        start_new_session=True,
    )
    try:
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


def test_it_says_when_it_is_ready_answers_and_ends_on_ctrl_c(tiny: Path) -> None:
    port = free_port()
    with serving(tiny, "--port", str(port), "--context", "2k", "--concurrency", "4", "--", "--enforce-eager") as server:
        assert server.stdout is not None
        said = [server.stdout.readline().strip() for _ in range(2)]
        assert said == [
            f"export RAGSTONE_LOCAL_URL=http://127.0.0.1:{port}/v1",
            "export RAGSTONE_LOCAL_MODEL=tiny",
        ]
        body = {"model": "tiny", "messages": [{"role": "user", "content": "What is a chunk?"}], "max_tokens": 5}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["usage"]["completion_tokens"] == 5
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=60) as response:
            assert json.load(response)["data"][0]["max_model_len"] == 2048
        server.send_signal(signal.SIGINT)
        _, log = server.communicate(timeout=60)
        assert server.returncode == 0
        assert "tiny is ready after" in log
        assert "pid=" not in log
        with socket.create_server(("127.0.0.1", port)):
            pass  # nothing of it listens any more


def test_why_it_died_is_said_in_one_line(tiny: Path) -> None:
    with serving(tiny, "--port", str(free_port()), "--", "--block-size", "0") as server:
        _, log = server.communicate(timeout=200)
    assert server.returncode == 1
    last = log.strip().splitlines()[-1]
    assert last.startswith("ragstone: vLLM ended (1): ")
    assert "block" in last
