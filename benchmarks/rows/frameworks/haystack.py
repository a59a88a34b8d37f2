"""Haystack with its in-memory store, and with BM25 beside it through its DocumentJoiner (reciprocal rank fusion)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rows.frameworks import CHARACTERS, Document, Embed, Piece
from rows.frameworks.vectors import model_folder

__all__ = ["Peer"]


class Peer:
    """Splits recursively; its sentences would have to be downloaded, so it splits at lines and words."""

    def __init__(self, folder: Path, embed: Embed | None) -> None:
        from haystack import Document as Text
        from haystack.components.preprocessors import RecursiveDocumentSplitter
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        self._text, self._embed, self._store = Text, embed, InMemoryDocumentStore()
        self._splitter = RecursiveDocumentSplitter(
            split_length=CHARACTERS, split_overlap=0, split_unit="char", separators=["\n\n", "\n", " "]
        )
        self._dense, self._bm25 = (kind(self._store) for kind in (InMemoryEmbeddingRetriever, InMemoryBM25Retriever))

    def load(self) -> None:
        """Loads both embedders, of documents and of questions."""
        self._splitter.warm_up()
        if self._embed is None:
            from haystack_integrations.components.embedders import sentence_transformers as own

            model = model_folder()
            self._documents: Any = own.SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
            self._questions: Any = own.SentenceTransformersTextEmbedder(model=model, progress_bar=False)
            self._documents.warm_up()
            self._questions.warm_up()
            self._documents.run([self._text(content="warm")])

    def ingest(self, documents: Sequence[Document]) -> list[Piece]:
        """Into memory."""
        texts = [self._text(content=text, meta={"name": name}) for name, text in documents]
        from haystack.document_stores.types import DuplicatePolicy

        chunks = self._splitter.run(texts)["documents"]
        if self._embed is None:
            chunks = self._documents.run(chunks)["documents"]
        else:
            vectors = self._embed([chunk.content for chunk in chunks])
            chunks = [replace(chunk, embedding=vector) for chunk, vector in zip(chunks, vectors, strict=True)]
        self._store.write_documents(chunks, policy=DuplicatePolicy.OVERWRITE)
        return [_piece(chunk) for chunk in chunks]

    def search(self, question: str, k: int) -> list[Piece]:
        """By vectors."""
        return [_piece(found) for found in self._by_vectors(question, k)]

    def _by_vectors(self, question: str, k: int) -> list[Any]:
        vector = self._embed([question])[0] if self._embed else self._questions.run(question)["embedding"]
        return self._dense.run(query_embedding=vector, top_k=k)["documents"]

    def hybrid(self, question: str, k: int) -> list[Piece]:
        """By vectors and BM25."""
        from haystack.components.joiners import DocumentJoiner

        joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=k)
        terms = self._bm25.run(query=question, top_k=k)["documents"]
        return [_piece(found) for found in joiner.run([terms, self._by_vectors(question, k)])["documents"]]


def _piece(chunk: Any) -> Piece:
    return Piece(chunk.meta["name"], chunk.meta.get("split_idx_start", -1), chunk.content)
