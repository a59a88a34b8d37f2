"""Ragstone for programs that are written with LlamaIndex. It needs the extra `llamaindex`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.response.schema import Response
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from ragstone.asked import principals_of
from ragstone.interop.asking import Asking, metadata
from ragstone.rag import AsyncRag
from ragstone.sync import Rag
from ragstone.types import Answer, Hit

__all__ = ["RagstoneQueryEngine", "RagstoneRetriever", "as_query_engine", "as_retriever"]


class RagstoneRetriever(BaseRetriever):
    """Searches as `rag.search` does; `as_retriever` makes one."""

    def __init__(self, asking: Asking, *, k: int | None = None, filters: Mapping[str, Any] | None = None) -> None:
        self._asking, self._k, self._filters = asking, k, filters
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - their types are half known

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._asking.search(query_bundle.query_str, self._k, self._filters))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(await self._asking.asearch(query_bundle.query_str, self._k, self._filters))


class RagstoneQueryEngine(BaseQueryEngine):
    """Answers as `rag.ask` does; `as_query_engine` makes one.

    A response has the passages as `source_nodes`, and in `metadata` the citations, whether it abstained, and the trace.
    """

    def __init__(self, asking: Asking, *, k: int | None = None, filters: Mapping[str, Any] | None = None) -> None:
        self._asking, self._k, self._filters = asking, k, filters
        super().__init__(None)

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The passages that an answer would be made of."""
        return _nodes(self._asking.search(query_bundle.query_str, self._k, self._filters))

    def _query(self, query_bundle: QueryBundle) -> Response:
        return _response(self._asking.ask(query_bundle.query_str, self._k, self._filters))

    async def _aquery(self, query_bundle: QueryBundle) -> Response:
        return _response(await self._asking.aask(query_bundle.query_str, self._k, self._filters))

    def _get_prompt_modules(self) -> dict[str, Any]:
        return {}


def as_retriever(
    rag: Rag | AsyncRag,
    *,
    k: int | None = None,
    filters: Mapping[str, Any] | None = None,
    principals: Iterable[str] = (),
    tenant: str = "default",
    pipeline: str = "answer",
) -> RagstoneRetriever:
    """A LlamaIndex retriever of a Rag: k passages (as many as the pipeline says) that the principals may see.

    >>> retriever = as_retriever(ragstone.open("mydocs"), k=4)
    >>> RetrieverQueryEngine.from_args(retriever, llm=llm).query("When is first class allowed?")

    One that is made of an AsyncRag is awaited: `await retriever.aretrieve(…)`.
    """
    asking = Asking(rag, principals=principals_of(principals), tenant=tenant, pipeline=pipeline)
    return RagstoneRetriever(asking, k=k, filters=filters)


def as_query_engine(
    rag: Rag | AsyncRag,
    *,
    prompt: str | None = None,
    k: int | None = None,
    filters: Mapping[str, Any] | None = None,
    principals: Iterable[str] = (),
    tenant: str = "default",
    pipeline: str = "answer",
) -> RagstoneQueryEngine:
    """A LlamaIndex query engine that lets Ragstone answer, with its own prompt, model and citations.

    >>> response = as_query_engine(ragstone.open("mydocs")).query("When is first class allowed?")
    >>> response.metadata["citations"][0]["quote"]
    'First class is allowed on train journeys of more than four hours.'

    One that is made of an AsyncRag is awaited: `await engine.aquery(…)`.
    """
    asking = Asking(rag, principals=principals_of(principals), tenant=tenant, pipeline=pipeline, prompt=prompt)
    return RagstoneQueryEngine(asking, k=k, filters=filters)


def _nodes(hits: Sequence[Hit]) -> list[NodeWithScore]:
    return [NodeWithScore(node=_node(hit), score=hit.scores.get("fused")) for hit in hits]


def _node(hit: Hit) -> TextNode:
    chunk = hit.chunk
    told = metadata(hit)
    return TextNode(
        id_=chunk.id,
        text=chunk.text,
        metadata=told,
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=chunk.document_id)},
        excluded_llm_metadata_keys=[name for name in told if name not in ("uri", "title", "page", "heading")],
        excluded_embed_metadata_keys=list(told),
    )


def _response(answer: Answer) -> Response:
    told = answer.as_dict()
    kept = ("abstained", "citations", "model", "trace_id")
    return Response(answer.text, source_nodes=_nodes(answer.hits), metadata={name: told[name] for name in kept})
