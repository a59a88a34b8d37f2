"""LlamaIndex with Chroma, and with BM25 beside it through its QueryFusionRetriever (reciprocal rank fusion, k = 60)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rows.frameworks import Document, Embed, Piece
from rows.frameworks.vectors import model_folder

__all__ = ["Peer"]

TOKENS = 200  # of a chunk: about as long as 800 characters
DEEP = 100


class Peer:
    """Splits by sentences and stores in Chroma."""

    def __init__(self, folder: Path, embed: Embed | None) -> None:
        from llama_index.core import VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter

        self._folder, self._embed, self._index = folder, embed, VectorStoreIndex
        self._splitter = SentenceSplitter(chunk_size=TOKENS, chunk_overlap=0)
        self._both: Any = None
        self._retrievers: dict[int, Any] = {}

    def load(self) -> None:
        """Loads the embedder."""
        if self._embed is None:
            from llama_index.embeddings.huggingface import HuggingFaceEmbedding

            self._embeddings: Any = HuggingFaceEmbedding(model_name=model_folder())
            self._embeddings.get_text_embedding("warm")
        else:
            self._embeddings = _given(self._embed)

    def ingest(self, documents: Sequence[Document]) -> list[Piece]:
        """Into a collection of a persistent client."""
        import chromadb
        from llama_index.core import Document as Text
        from llama_index.core import StorageContext
        from llama_index.vector_stores.chroma import ChromaVectorStore

        texts = [
            Text(text=text, metadata={"name": name}, excluded_embed_metadata_keys=["name"]) for name, text in documents
        ]
        self._nodes = self._splitter.get_nodes_from_documents(texts)
        store = ChromaVectorStore(chromadb.PersistentClient(str(self._folder)).create_collection("chunks"))
        context = StorageContext.from_defaults(vector_store=store)
        self._found = self._index(self._nodes, storage_context=context, embed_model=self._embeddings)
        return [_piece(node) for node in self._nodes]

    def search(self, question: str, k: int) -> list[Piece]:
        """By vectors."""
        if k not in self._retrievers:
            self._retrievers[k] = self._found.as_retriever(similarity_top_k=k)
        return [_piece(each.node) for each in self._retrievers[k].retrieve(question)]

    def hybrid(self, question: str, k: int) -> list[Piece]:
        """By vectors and BM25, without questions that a model would make up."""
        if self._both is None:
            from llama_index.core.llms import MockLLM
            from llama_index.core.retrievers import QueryFusionRetriever
            from llama_index.retrievers.bm25 import BM25Retriever

            most = min(k, len(self._nodes))
            retrievers = [
                self._found.as_retriever(similarity_top_k=most),
                BM25Retriever.from_defaults(nodes=self._nodes, similarity_top_k=most),
            ]
            self._both = QueryFusionRetriever(
                retrievers,
                llm=MockLLM(),
                similarity_top_k=most,
                num_queries=1,
                mode="reciprocal_rerank",
                use_async=False,
            )
        return [_piece(each.node) for each in self._both.retrieve(question)]


def _piece(node: Any) -> Piece:
    start = -1 if node.start_char_idx is None else node.start_char_idx
    return Piece(node.metadata["name"], start, node.get_content())


def _given(embed: Embed) -> Any:
    from llama_index.core.embeddings import BaseEmbedding

    class Given(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return embed([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return embed(texts)

        def _get_query_embedding(self, query: str) -> list[float]:
            return embed([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return embed([query])[0]

    return Given()
