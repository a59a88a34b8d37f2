"""txtai with its own index and contents, and with BM25 beside it (`hybrid=True`: both scores, weighted alike)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rows.frameworks import CHARACTERS, Document, Embed, Piece
from rows.frameworks.vectors import model_folder

__all__ = ["Peer"]


class Peer:
    """It has no splitter that needs no download, so LangChain's splits for it."""

    def __init__(self, folder: Path, embed: Embed | None, *, hybrid: bool = False) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter
        from txtai import Embeddings

        self._folder, self._embed = folder, embed
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=CHARACTERS, chunk_overlap=0)
        settings: dict[str, Any] = {"path": model_folder()}
        if embed is not None:
            settings = {
                "method": "external",
                "transform": lambda texts: _rows(embed, texts),
            }  # it takes functions alone
        self._index = Embeddings({**settings, "content": True, "hybrid": hybrid})

    def load(self) -> None:
        """Loads the embedder."""
        if self._embed is None:
            self._index.batchtransform(["warm"])

    def ingest(self, documents: Sequence[Document]) -> list[Piece]:
        """Saves the index, as the stores of the others do."""
        self._chunks = [Piece(name, -1, part) for name, text in documents for part in self._splitter.split_text(text)]
        self._index.index([(number, chunk.text, None) for number, chunk in enumerate(self._chunks)])
        self._index.save(str(self._folder / "index"))
        return self._chunks

    def search(self, question: str, k: int) -> list[Piece]:
        """By vectors, or by both where it was made so."""
        return [self._chunks[int(found["id"])] for found in self._index.search(question, k)]

    hybrid = search


def _rows(embed: Embed, texts: Sequence[str]) -> Any:
    import numpy as np

    return np.array(embed(texts), dtype=np.float32)
