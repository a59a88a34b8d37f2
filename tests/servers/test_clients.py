"""The service before clients that know nothing of it: OpenAI's own, of two majors, LangChain's and LlamaIndex's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

import ragstone
from elsewhere import CLIENTS
from ragstone.cli.init import Default, write
from ragstone.state.keys import Grant
from servers import free_port, running

pytestmark = pytest.mark.servers

HERE = Path(__file__).parent
DOCUMENTS = {
    "halibut.md": "# Halibut\n\nThe halibut project ships on 3 May 2031.\n",
    "cod.md": "# Cod\n\nCod swims in the North Sea.\n",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`ragstone serve` on a project of two documents: its address and a key."""
    folder = tmp_path_factory.mktemp("served")
    write(folder, model=Default.extractive)
    for name, text in DOCUMENTS.items():
        (folder / "documents" / name).write_text(text)
    with ragstone.open(folder) as rag:
        rag.ingest()
        token = rag.keys().create(Grant(name="clients")).token
    port = free_port()
    command = [sys.executable, "-m", "ragstone", "serve", "--port", str(port), "--project", folder]
    with running(command, health=f"http://127.0.0.1:{port}/healthz", log=folder.with_suffix(".log")):
        yield f"http://127.0.0.1:{port}/v1", token


def test_they_work_unchanged(served: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, token = served
    monkeypatch.setenv("RAGSTONE_SERVED_URL", url)
    monkeypatch.setenv("RAGSTONE_SERVED_KEY", token)
    assert CLIENTS.passed(HERE / "clients_tests.py", tmp_path) >= 15


def test_so_does_openais_client_of_our_own_environment(served: tuple[str, str]) -> None:
    """Its major is another one than there."""
    theirs = subprocess.check_output([CLIENTS.here(), "-c", "import openai; print(openai.__version__)"], text=True)
    assert theirs.split(".")[0] != openai.__version__.split(".")[0]
    url, token = served
    with openai.OpenAI(base_url=url, api_key=token) as client:
        found = client.chat.completions.create(
            model="ragstone/answer", messages=[{"role": "user", "content": "When does the halibut project ship?"}]
        )
        assert "3 May 2031" in (found.choices[0].message.content or "")
        assert len(client.embeddings.create(model="embed/ingest", input="cod").data[0].embedding) == 384
