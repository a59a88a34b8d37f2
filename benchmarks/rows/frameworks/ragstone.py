"""Ragstone over a folder of documents: as `ragstone init` makes a project, or with an embedder that costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rows.frameworks.vectors import DIMENSIONS, free

__all__ = ["ALIKE", "free_project", "made", "opened"]

ALIKE = {False: 170, True: 130}
"""Tokens of a chunk that is as long as the peers', of MiniLM's tokenizer and of the free one."""


def made(folder: Path, documents: Path, *, size: int | None = None, retrieve: str = "") -> Path:
    """A new project with copies of the documents; `retrieve` are further settings, as in "trim: 0"."""
    from ragstone.cli.init import Default, write

    write(folder, model=Default.extractive)
    if size is not None:
        _changed(folder / "pipelines/ingest.yaml", "size: 250", f"size: {size}")
    if retrieve:
        _changed(folder / "pipelines/answer.yaml", "k: 8}", f"k: 8, {retrieve}}}")
    for path in documents.iterdir():
        (folder / "documents" / path.name).write_bytes(path.read_bytes())
    return folder


def _changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r} any more"
    path.write_text(text.replace(old, new), encoding="utf-8")


@contextmanager
def opened(project: Path, *, full: bool = False) -> Iterator[Any]:
    """The project; `full` computes in float32 on a processor that has bfloat16, too."""
    import ragstone

    if full:
        from ragstone.connectors.openvino import runtime

        runtime._precision = lambda core: "f32"
    with ragstone.open(project) as rag:
        yield rag


@contextmanager
def free_project(folder: Path, documents: Path, *, size: int | None = None) -> Iterator[Any]:
    """The same stores, lexical index and manifest behind the free embedder.

    Chroma and tantivy are imported before, as they are where a peer is made: Ragstone would import them at its first
    write, which takes longer than all the rest.
    """
    import chromadb  # noqa: F401
    import tantivy  # noqa: F401

    import ragstone
    from ragstone.connectors.chroma import ChromaStore
    from ragstone.connectors.files import FilesSource
    from ragstone.connectors.tantivy import TantivyIndex
    from ragstone.ingestion.splitters.sentences import SentenceSplitter

    source = FilesSource(documents, documents.parent)
    source.name = "documents"
    embedder = _embedder()
    with ragstone.Rag(
        store=ChromaStore(folder / "chroma"),
        lexical=TantivyIndex(folder / "lexical"),
        embedder=embedder,
        splitter=None if size is None else SentenceSplitter(embedder=embedder, size=size),
        sources=[source],
        state=folder / "project.db",
    ) as rag:
        yield rag


def _embedder() -> Any:
    import numpy as np

    from ragstone.protocols import Embedder

    class Free(Embedder):
        fingerprint, dimensions, window = "free-1", DIMENSIONS, 256

        def tokens(self, text: str) -> Any:
            spans = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
            return [0] * len(spans), spans

        async def embed(self, texts: Sequence[str], *, context: Any, ids: Any = None) -> Any:
            return np.array(free(texts), dtype=np.float32).reshape(len(texts), DIMENSIONS)

    return Free()
