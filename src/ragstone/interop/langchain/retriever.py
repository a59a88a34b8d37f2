"""A LangChain retriever that asks a Rag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import SkipValidation

from ragstone.asked import principals_of
from ragstone.interop.asking import Asking, metadata
from ragstone.rag import AsyncRag
from ragstone.sync import Rag
from ragstone.types import Hit

__all__ = ["RagstoneRetriever", "as_retriever"]


class RagstoneRetriever(BaseRetriever):
    """Searches as `rag.search` does, for its principals alone. A call may have a `k` and `filters` of its own."""

    rag: SkipValidation[Rag | AsyncRag]
    k: int | None = None
    filters: dict[str, Any] | None = None
    principals: frozenset[str] = frozenset()
    tenant: str = "default"
    pipeline: str = "answer"

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        return [_document(hit) for hit in self._asking().search(query, *self._wanted(k, filters))]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        return [_document(hit) for hit in await self._asking().asearch(query, *self._wanted(k, filters))]

    def _asking(self) -> Asking:
        return Asking(self.rag, principals=self.principals, tenant=self.tenant, pipeline=self.pipeline)

    def _wanted(self, k: int | None, filters: Mapping[str, Any] | None) -> tuple[int | None, Mapping[str, Any] | None]:
        return self.k if k is None else k, self.filters if filters is None else filters


def as_retriever(
    rag: Rag | AsyncRag,
    *,
    k: int | None = None,
    filters: Mapping[str, Any] | None = None,
    principals: Iterable[str] = (),
    tenant: str = "default",
    pipeline: str = "answer",
) -> RagstoneRetriever:
    """A LangChain retriever of a Rag: k passages (as many as the pipeline says) that the principals may see.

    >>> retriever = as_retriever(ragstone.open("mydocs"), k=4, filters={"lang": "en"})
    >>> retriever.invoke("When is first class allowed?")[0].metadata["uri"]
    'documents/travel.md'

    One that is made of an AsyncRag is awaited: `await retriever.ainvoke(…)`.
    """
    return RagstoneRetriever(
        rag=rag,
        k=k,
        filters=dict(filters) if filters else None,
        principals=principals_of(principals),
        tenant=tenant,
        pipeline=pipeline,
    )


def _document(hit: Hit) -> Document:
    return Document(id=hit.chunk.id, page_content=hit.chunk.text, metadata=metadata(hit))
