"""A Rag as a LangChain retriever, through the standard tests of LangChain and beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests

import ragstone
from ragstone.errors import UsageError
from ragstone.interop.langchain import RagstoneRetriever, as_retriever
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel

QUESTION = "Where does cod swim?"


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _rag(self, rag: ragstone.Rag) -> None:
        self.rag = rag

    @property
    def retriever_constructor(self) -> type[RagstoneRetriever]:
        return RagstoneRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"rag": self.rag}

    @property
    def retriever_query_example(self) -> str:
        return QUESTION


def test_a_document_says_where_it_stands_and_how_it_was_found(rag: ragstone.Rag):
    (found,) = as_retriever(rag, k=1).invoke("rivers of the eel")
    (hit,) = rag.search("rivers of the eel", k=1)
    text = rag.document(hit.chunk.document_id).text  # type: ignore[union-attr]
    told = found.metadata
    assert (found.id, found.page_content) == (hit.chunk.id, hit.chunk.text)
    assert text[told["start"] : told["end"]] == found.page_content
    assert (told["source"], told["uri"], told["page"], told["rank"]) == ("eel.md", "eel.md", None, 1)
    assert told["heading"].startswith("Eel")
    assert told["scores"] == dict(hit.scores)
    assert set(told["scores"]) >= {"dense", "lexical", "fused"}


def test_filters_narrow_the_search_and_a_wrong_one_is_refused(rag: ragstone.Rag):
    only = as_retriever(rag, filters={"uri": {"$in": ["eel.md", "ray.md"]}})
    assert {one.metadata["uri"] for one in only.invoke(QUESTION)} == {"eel.md", "ray.md"}
    assert [one.metadata["uri"] for one in only.invoke(QUESTION, filters={"uri": "cod.md"})] == ["cod.md"]
    with pytest.raises(UsageError, match="unknown filter operator"):
        as_retriever(rag, filters={"uri": {"$like": "x"}}).invoke(QUESTION)


@pytest.fixture
def guarded() -> Iterator[ragstone.Rag]:
    source = MemorySource({"cod.md": "Cod swims in cold water."}, acl={"cod.md": ["ana"]})
    with ragstone.Rag(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        model=ScriptedModel(["Cod [1]."]),
        sources=[source],
    ) as made:
        made.ingest()
        yield made


def test_only_what_the_principals_may_see_is_found(guarded: ragstone.Rag):
    assert as_retriever(guarded).invoke(QUESTION) == []
    assert as_retriever(guarded, principals=["bo"]).invoke(QUESTION) == []
    assert len(as_retriever(guarded, principals="ana").invoke(QUESTION)) == 1
    assert len(as_retriever(guarded, principals=["bo", "ana"]).invoke(QUESTION)) == 1


async def test_an_asynchronous_rag_is_awaited():
    async with ragstone.AsyncRag(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        model=ScriptedModel(["Cod [1]."]),
        sources=[MemorySource({"cod.md": "Cod swims in cold water."})],
    ) as rag:
        await rag.ingest()
        retriever = as_retriever(rag)
        assert [one.metadata["uri"] for one in await retriever.ainvoke(QUESTION)] == ["cod.md"]
        with pytest.raises(UsageError, match="AsyncRag"):
            retriever.invoke(QUESTION)


def test_it_is_a_part_of_a_chain(rag: ragstone.Rag):
    def said(documents: list[Document]) -> str:
        return "\n".join(f"{one.metadata['uri']}: {one.page_content}" for one in documents)

    prompt = ChatPromptTemplate.from_template("Answer from:\n{context}\n\nQuestion: {question}")
    chain = {"context": as_retriever(rag, k=1) | RunnableLambda(said), "question": RunnablePassthrough()} | prompt
    (message,) = chain.invoke(QUESTION).to_messages()
    assert "cod.md: " in str(message.content)
    assert "Cod swims in cold water." in str(message.content)
