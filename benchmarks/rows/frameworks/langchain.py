"""LangChain with Chroma, and with BM25 beside it through its EnsembleRetriever (reciprocal rank fusion, c = 60)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rows.frameworks import CHARACTERS, Document, Embed, Piece
from rows.frameworks.vectors import model_folder

__all__ = ["Peer"]


class Peer:
    """Splits recursively and stores in Chroma."""

    def __init__(self, folder: Path, embed: Embed | None) -> None:
        from langchain_chroma import Chroma
        from langchain_core.documents import Document as Text
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        self._folder, self._embed, self._store, self._text = folder, embed, Chroma, Text
        self._splitter = RecursiveCharacterTextSplitter(
            chunk_size=CHARACTERS, chunk_overlap=0, add_start_index=True, keep_separator=True
        )
        self._bm25: Any = None

    def load(self) -> None:
        """Loads the embedder."""
        if self._embed is None:
            from langchain_huggingface import HuggingFaceEmbeddings

            self._embeddings: Any = HuggingFaceEmbeddings(model_name=model_folder())
            self._embeddings.embed_query("warm")
        else:
            self._embeddings = _given(self._embed)

    def ingest(self, documents: Sequence[Document]) -> list[Piece]:
        """Chroma gets batches as large as it takes."""
        texts = [self._text(page_content=text, metadata={"name": name}) for name, text in documents]
        self.chunks = self._splitter.split_documents(texts)
        self.chroma = self._store.from_documents(self.chunks, self._embeddings, persist_directory=str(self._folder))
        return [_piece(chunk) for chunk in self.chunks]

    def search(self, question: str, k: int) -> list[Piece]:
        """By vectors."""
        return [_piece(found) for found in self.chroma.similarity_search(question, k=k)]

    def hybrid(self, question: str, k: int) -> list[Piece]:
        """By vectors and BM25, each of which gives k."""
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever

        if self._bm25 is None:
            self._bm25 = BM25Retriever.from_documents(self.chunks, k=k)
            dense = self.chroma.as_retriever(search_kwargs={"k": k})
            self._both = EnsembleRetriever(retrievers=[self._bm25, dense], weights=[0.5, 0.5])
        return [_piece(found) for found in self._both.invoke(question)][:k]


def _piece(chunk: Any) -> Piece:
    return Piece(chunk.metadata["name"], chunk.metadata["start_index"], chunk.page_content)


def _given(embed: Embed) -> Any:
    from langchain_core.embeddings import Embeddings

    class Given(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embed(texts)

        def embed_query(self, text: str) -> list[float]:
            return embed([text])[0]

    return Given()
