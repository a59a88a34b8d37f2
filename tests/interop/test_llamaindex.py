"""A Rag in real queries of LlamaIndex."""

from __future__ import annotations

import pytest
from llama_index.core.base.response.schema import Response
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.schema import QueryBundle
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool

import ragstone
from ragstone.errors import UsageError
from ragstone.interop.llamaindex import as_query_engine, as_retriever
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel

QUESTION = "Where does cod swim?"


def test_a_node_says_where_it_stands_and_how_it_was_found(rag: ragstone.Rag):
    (hit,) = rag.search(QUESTION, k=1)
    (found,) = as_retriever(rag, k=1).retrieve(QUESTION)
    assert (found.node.node_id, found.node.get_content()) == (hit.chunk.id, hit.chunk.text)
    assert found.score == hit.scores["fused"]
    assert (found.node.metadata["uri"], found.node.metadata["heading"]) == ("cod.md", "Cod")
    assert found.node.ref_doc_id == hit.chunk.document_id
    text = rag.document(hit.chunk.document_id).text  # type: ignore[union-attr]
    assert text[found.node.start_char_idx : found.node.end_char_idx] == hit.chunk.text


def test_a_model_of_theirs_answers_from_our_passages(rag: ragstone.Rag):
    engine = RetrieverQueryEngine.from_args(as_retriever(rag, k=1), llm=MockLLM())
    response = engine.query(QUESTION)  # a MockLLM says its prompt
    assert "Cod swims in cold water." in str(response)
    assert "uri: cod.md" in str(response)
    assert [one.node.metadata["uri"] for one in response.source_nodes] == ["cod.md"]


async def test_it_is_awaited_too(rag: ragstone.Rag):
    engine = RetrieverQueryEngine.from_args(as_retriever(rag, k=1), llm=MockLLM())
    assert "Cod swims in cold water." in str(await engine.aquery(QUESTION))
    assert str(await as_query_engine(rag).aquery(QUESTION)) == "Cod swims in cold water [1]."


def test_filters_and_principals_are_ours(rag: ragstone.Rag):
    found = as_retriever(rag, filters={"uri": "eel.md"}).retrieve(QUESTION)
    assert {one.node.metadata["uri"] for one in found} == {"eel.md"}
    guarded = ragstone.Rag(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        model=ScriptedModel(["Cod [1]."]),
        sources=[MemorySource({"cod.md": "Cod swims in cold water."}, acl={"cod.md": ["ana"]})],
    )
    with guarded:
        guarded.ingest()
        assert as_retriever(guarded, principals=["bo"]).retrieve(QUESTION) == []
        assert len(as_retriever(guarded, principals=["ana"]).retrieve(QUESTION)) == 1
        assert as_query_engine(guarded, principals=["bo"]).query(QUESTION).source_nodes == []


def test_ragstone_answers_with_its_citations(rag: ragstone.Rag):
    engine = as_query_engine(rag, k=2)
    response = engine.query(QUESTION)
    assert isinstance(response, Response)
    assert str(response) == "Cod swims in cold water [1]."
    assert len(response.source_nodes) == 2
    assert response.metadata is not None
    (citation,) = response.metadata["citations"]
    assert (citation["uri"], citation["quote"]) == ("cod.md", "Cod swims in cold water.")
    assert not response.metadata["abstained"]
    assert rag.trace(response.metadata["trace_id"]) is not None
    assert len(engine.retrieve(QueryBundle(QUESTION))) == 2


def test_it_is_a_tool_beside_others(rag: ragstone.Rag):
    tools = [QueryEngineTool.from_defaults(as_query_engine(rag), name="fish", description="Knows fish.")]
    selector = LLMSingleSelector.from_defaults(llm=Choosing())
    routed = RouterQueryEngine(selector=selector, query_engine_tools=tools, llm=MockLLM())
    assert str(routed.query(QUESTION)) == "Cod swims in cold water [1]."


class Choosing(MockLLM):
    """Chooses the first tool, whatever is asked."""

    def predict(self, *args: object, **kwargs: object) -> str:
        return '[{"choice": 1, "reason": "it is the only one"}]'


async def test_an_asynchronous_rag_is_awaited():
    async with ragstone.AsyncRag(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        model=ScriptedModel(["Cod [1]."]),
        sources=[MemorySource({"cod.md": "Cod swims in cold water."})],
    ) as rag:
        await rag.ingest()
        assert len(await as_retriever(rag).aretrieve(QUESTION)) == 1
        assert str(await as_query_engine(rag).aquery(QUESTION)) == "Cod [1]."
        with pytest.raises(UsageError, match="AsyncRag"):
            as_retriever(rag).retrieve(QUESTION)
