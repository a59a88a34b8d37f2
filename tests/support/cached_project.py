"""A project folder whose models say what a test wants, and whose cache is a dict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone import registry
from ragstone.protocols import Connector
from ragstone.testing import HashingEmbedder, MemoryCache, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Prompt

__all__ = ["HALIBUT", "QUESTION", "CachedProject"]

HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
QUESTION = "When does the halibut project ship?"
ANSWER = "It ships on 3 May 2031 [1]."

ANSWERING = """index: ingest
prompt: answer
route: {{models: [{models}], timeout: {timeout}}}
cache: {cache}
"""
INGESTING = "sources: [documents]\nembed: hashing\nstore: memory\nlexical: terms\n"


class CachedProject:
    """A folder with one document. `say` is told the model's name and the prompt, `asked` are all that were asked.

    The types `told` (a model), `memory` (a cache and a store) and `hashing` (an embedder) are there in it.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.cache = folder, MemoryCache()
        self.say: Callable[[str, Prompt], Any] = lambda _, __: ANSWER
        self.asked: list[tuple[str, Prompt]] = []
        real, types = registry.find, self._types()

        def find(kind: str, name: str) -> type[Connector]:
            return types.get((kind, name)) or real(kind, name)

        for module in ("build", "cache_parts"):
            monkeypatch.setattr(f"ragstone.pipelines.{module}.find", find)
        for name in ("prompts", "pipelines", "connectors", "documents"):
            (folder / name).mkdir(parents=True)
        (folder / "pyproject.toml").write_text("[tool.ragstone]\n")
        source = Path(__file__).parents[2] / "prompts"
        for path in source.rglob("*"):
            if path.is_file():
                target = folder / "prompts" / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        self.write("documents/halibut.md", HALIBUT)
        self.write("connectors/documents.yaml", "kind: source\ntype: files\npath: documents\n")
        self.write("connectors/hashing.yaml", "kind: embedder\ntype: hashing\n")
        self.write("connectors/memory.yaml", "kind: store\ntype: memory\n")
        self.write("connectors/terms.yaml", "kind: lexical\ntype: memory\n")
        self.write("connectors/one.yaml", "kind: model\ntype: told\nvoice: one\n")
        self.write("connectors/two.yaml", "kind: model\ntype: told\nvoice: two\n")
        self.write("pipelines/ingest.yaml", INGESTING)
        self.answering()

    def write(self, name: str, text: str) -> None:
        """A file of the project."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def answering(self, *, models: str = "one", cache: str = "true", timeout: float = 120) -> None:
        """What `pipelines/answer.yaml` says."""
        self.write("pipelines/answer.yaml", ANSWERING.format(models=models, cache=cache, timeout=timeout))

    def opened(self) -> ragstone.AsyncRag:
        """The project, as a program has it."""
        return ragstone.AsyncRag.open(self.folder)

    def _types(self) -> dict[tuple[str, str], Any]:
        project, stores, terms = self, dict[str, MemoryStore](), dict[str, MemoryLexicalIndex]()

        class Told(ScriptedModel):
            def __init__(self, *, voice: str) -> None:
                super().__init__(lambda prompt: project._told(voice, prompt))

        def store(*, collection: str = "") -> MemoryStore:
            return stores.setdefault(collection, MemoryStore())

        def lexical(*, collection: str = "") -> MemoryLexicalIndex:
            return terms.setdefault(collection, MemoryLexicalIndex())

        class Store(MemoryStore):
            def __new__(cls, *, collection: str = "") -> Any:
                return store(collection=collection)

            def __init__(self, *, collection: str = "") -> None:
                pass

        class Lexical(MemoryLexicalIndex):
            def __new__(cls, *, collection: str = "") -> Any:
                return lexical(collection=collection)

            def __init__(self, *, collection: str = "") -> None:
                pass

        class Cache(MemoryCache):
            def __new__(cls, *, path: Path | None = None, size: int = 1) -> Any:
                return project.cache

            def __init__(self, *, path: Path | None = None, size: int = 1) -> None:
                pass

        return {
            ("model", "told"): Told,
            ("cache", "sqlite"): Cache,
            ("cache", "memory"): Cache,
            ("store", "memory"): Store,
            ("lexical", "memory"): Lexical,
            ("embedder", "hashing"): HashingEmbedder,
        }

    def _told(self, voice: str, prompt: Prompt) -> Any:
        self.asked.append((voice, prompt))
        return self.say(voice, prompt)
