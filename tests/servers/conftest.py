"""The real servers, started once for all tests that ask for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from postgres import Postgres
from servers import free_port, missing, running
from vllm_here import VLLM_ENVIRONMENT, VLLM_PYTHON

ROOT = Path(__file__).parents[2]
VLLM_SECONDS = 300.0
VLLM_FLAGS = ["--served-model-name", "tiny", "--enforce-eager", "--host", "127.0.0.1"]
# A random model that may write any space between two words of JSON writes nothing else until its tokens are used up.
VLLM_JSON = '{"backend": "xgrammar", "disable_any_whitespace": true}'
VLLM_BLOCK = 32  # tokens that the prefix cache keeps together; 128 by default on the CPU


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a server offers, and the folder that it lies in."""

    base_url: str
    model: str
    folder: Path


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """vLLM on the CPU with a tiny random Llama, whose tokenizer is trained on our handbook."""
    flags = ["--max-model-len", "8192", "--structured-outputs-config", VLLM_JSON]
    flags += ["--enable-prompt-tokens-details", "--block-size", str(VLLM_BLOCK)]
    with _serving("make_tiny_model.py", tmp_path_factory.mktemp("vllm"), *flags) as served:
        yield served


@pytest.fixture(scope="session")
def vllm_reranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """vLLM on the CPU with a tiny random cross-encoder."""
    with _serving("make_tiny_cross_encoder.py", tmp_path_factory.mktemp("reranker"), "--runner", "pooling") as served:
        yield served


@contextmanager
def _serving(maker: str, folder: Path, *flags: str) -> Iterator[Served]:
    if not VLLM_PYTHON.exists():
        missing("vLLM", "Run: make test-vllm")
    texts = sorted(ROOT.glob("docs/*.md"))
    subprocess.run([VLLM_PYTHON, Path(__file__).with_name(maker), folder / "model", *texts], check=True)
    port = free_port()
    server = f"http://127.0.0.1:{port}"
    command = [VLLM_PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", folder / "model", *VLLM_FLAGS]
    with running(
        [*command, *flags, "--port", str(port)],
        health=f"{server}/health",
        log=folder / "vllm.log",
        timeout=VLLM_SECONDS,
        environment=VLLM_ENVIRONMENT,
    ):
        yield Served(f"{server}/v1", "tiny", folder / "model")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a Postgres with pgvector. It trusts the disk: nobody cuts the power of a test."""
    server = Postgres("fsync=off")
    try:
        yield server.url()
    finally:
        server.remove()
