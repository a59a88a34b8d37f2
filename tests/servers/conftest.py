"""The real servers, started once for all tests that ask for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from postgres import Postgres
from redis_server import RedisServer
from servers import Server, free_port, missing, started
from vllm_here import VLLM_ENVIRONMENT, VLLM_PYTHON

ROOT = Path(__file__).parents[2]
VLLM_SECONDS = 300.0
VLLM_FLAGS = ["--served-model-name", "tiny", "--enforce-eager", "--host", "127.0.0.1"]
# A random model that may write any space between two words of JSON writes nothing else until its tokens are used up.
VLLM_JSON = '{"backend": "xgrammar", "disable_any_whitespace": true}'
VLLM_BLOCK = 32  # tokens that the prefix cache keeps together; 128 by default on the CPU
VLLM_LLAMA = ["--max-model-len", "8192", "--structured-outputs-config", VLLM_JSON]
VLLM_LLAMA += ["--enable-prompt-tokens-details", "--block-size", str(VLLM_BLOCK)]
VLLM_MOST = 64  # requests that the second server of two has at once


@dataclass(slots=True)
class Served:
    """A model that a server offers, the folder that it lies in, and the server's log."""

    base_url: str
    model: str
    folder: Path
    log: Path


class Mortal(Served):
    """One whose server may be killed, and started anew at the same address. It refuses more than `most` requests."""

    def __init__(self, folder: Path, *flags: str, most: int, log: Path) -> None:
        self.most, self._port = most, free_port()
        self._flags = (*flags, "--max-num-queued-reqs", str(most))
        self._running = ExitStack()
        self._server: Server | None = None
        super().__init__(f"http://127.0.0.1:{self._port}/v1", "tiny", folder, log)

    def start(self) -> None:
        """Starts it, and does not wait."""
        self._server = self._running.enter_context(_vllm(self.folder, self._port, *self._flags, log=self.log))

    def ready(self) -> None:
        """Waits until it answers."""
        assert self._server is not None
        self._server.ready(VLLM_SECONDS)

    def kill(self) -> None:
        """Kills it with signal 9. What it was about to say is lost, and its connections end."""
        assert self._server is not None
        self._server.kill()
        self._running.close()

    def end(self) -> None:
        """Ends it, if it runs."""
        self._running.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama, whose tokenizer is trained on our handbook."""
    return _made("make_tiny_model.py", tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def vllm(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """vLLM on the CPU with the tiny Llama."""
    with _serving(tiny, *VLLM_LLAMA, log=tmp_path_factory.mktemp("vllm") / "log") as served:
        yield served


@pytest.fixture(scope="session")
def vllms(
    request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, Mortal]]:
    """Two of them with the same model. The second one may be killed."""
    second = Mortal(tiny, *VLLM_LLAMA, most=VLLM_MOST, log=tmp_path_factory.mktemp("second") / "log")
    second.start()  # side by side with the first one
    try:
        first: Served = request.getfixturevalue("vllm")
        second.ready()
        yield first, second
    finally:
        second.end()


@pytest.fixture(scope="session")
def vllm_reranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """vLLM on the CPU with a tiny random cross-encoder."""
    folder = tmp_path_factory.mktemp("reranker")
    model = _made("make_tiny_cross_encoder.py", folder)
    with _serving(model, "--runner", "pooling", log=folder / "log") as served:
        yield served


def _made(maker: str, folder: Path) -> Path:
    if not VLLM_PYTHON.exists():
        missing("vLLM", "Run: make test-vllm")
    texts = sorted(ROOT.glob("docs/*.md"))
    subprocess.run([VLLM_PYTHON, Path(__file__).with_name(maker), folder / "model", *texts], check=True)
    return folder / "model"


@contextmanager
def _serving(model: Path, *flags: str, log: Path) -> Iterator[Served]:
    port = free_port()
    with _vllm(model, port, *flags, log=log) as server:
        server.ready(VLLM_SECONDS)
        yield Served(f"http://127.0.0.1:{port}/v1", "tiny", model, log)


def _vllm(model: Path, port: int, *flags: str, log: Path) -> AbstractContextManager[Server]:
    command = [VLLM_PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", model, *VLLM_FLAGS, *flags]
    health = f"http://127.0.0.1:{port}/health"
    return started([*command, "--port", str(port)], health=health, log=log, environment=VLLM_ENVIRONMENT)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis of a module's own."""
    made = RedisServer()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a Postgres with pgvector. It trusts the disk: nobody cuts the power of a test."""
    server = Postgres("fsync=off")
    try:
        yield server.url()
    finally:
        server.remove()
