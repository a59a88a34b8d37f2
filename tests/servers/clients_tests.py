"""Clients of OpenAI, of LangChain and of LlamaIndex before a running service. Runs in .venv-clients.

Nothing is set but what every server of this kind needs: its address, a key, and the name of a model.
"""

from __future__ import annotations

import os
from typing import Any

import openai
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

URL, KEY = os.environ["RAGSTONE_SERVED_URL"], os.environ["RAGSTONE_SERVED_KEY"]
MODEL, EMBED = "ragstone/answer", "embed/ingest"
QUESTION, ANSWER = "When does the halibut project ship?", "3 May 2031"
TEXTS = ["The halibut project ships on 3 May 2031.", "Cod swims in the North Sea."]
WIDE = 384


@pytest.fixture
def client() -> openai.OpenAI:
    return openai.OpenAI(base_url=URL, api_key=KEY)


# ── OpenAI's own ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_openai_gets_an_answer_with_its_citations(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
    message = found.choices[0].message
    assert message.content is not None
    assert ANSWER in message.content
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert cited.url == "documents/halibut.md"


def test_openai_reads_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        pieces = list(stream)
    assert ANSWER in "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert pieces[-1].usage is not None


def test_openais_helper_for_streams_puts_them_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": QUESTION}]) as stream:
        for _ in stream:
            pass
        content = stream.get_final_completion().choices[0].message.content
    assert content is not None
    assert ANSWER in content


async def test_openai_asks_asynchronously() -> None:
    async with openai.AsyncOpenAI(base_url=URL, api_key=KEY) as client:
        found = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        assert ANSWER in (found.choices[0].message.content or "")
        said = ""
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        async for piece in stream:
            said += piece.choices[0].delta.content or ""
        assert ANSWER in said


def test_openai_lists_models_and_shows_one(client: openai.OpenAI) -> None:
    assert {MODEL, EMBED, "route/answer"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(MODEL).id == MODEL


def test_openai_embeds(client: openai.OpenAI) -> None:
    packed = client.embeddings.create(model=EMBED, input=TEXTS)  # it asks for base64 by itself
    plain = client.embeddings.create(model=EMBED, input=TEXTS, encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert len(one.embedding) == WIDE
        assert one.embedding == pytest.approx(other.embedding, abs=1e-3)
    assert packed.usage.total_tokens > len(TEXTS)


def test_openai_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="ragstone/answr", messages=[{"role": "user", "content": QUESTION}])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("ragstone/answr")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}], n=2)
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=EMBED, input="word " * 2000)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=URL, api_key="rgs_0000000000000000_forged").models.list()


# ── LangChain's ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def langchain() -> ChatOpenAI:
    return ChatOpenAI(base_url=URL, api_key=KEY, model=MODEL)  # type: ignore[arg-type]


def test_langchain_asks(langchain: ChatOpenAI) -> None:
    assert ANSWER in str(langchain.invoke(QUESTION).content)
    messages = [SystemMessage("You are a helpful assistant."), HumanMessage(QUESTION)]
    assert ANSWER in str(langchain.invoke(messages).content)


def test_langchain_streams(langchain: ChatOpenAI) -> None:
    assert ANSWER in "".join(str(piece.content) for piece in langchain.stream(QUESTION))


async def test_langchain_asks_asynchronously(langchain: ChatOpenAI) -> None:
    assert ANSWER in str((await langchain.ainvoke(QUESTION)).content)
    said = ""
    async for piece in langchain.astream(QUESTION):
        said += str(piece.content)
    assert ANSWER in said


def test_langchain_embeds() -> None:
    # It counts tokens by itself, with a vocabulary of OpenAI's that it fetches, unless it is told not to.
    made = OpenAIEmbeddings(base_url=URL, api_key=KEY, model=EMBED, check_embedding_ctx_length=False)  # type: ignore[arg-type]
    documents = made.embed_documents(TEXTS)
    query = made.embed_query("halibut ships")
    assert [len(one) for one in documents] == [WIDE, WIDE]
    assert dot(query, documents[0]) > dot(query, documents[1])


# ── LlamaIndex's ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def llama() -> OpenAILike:
    return OpenAILike(api_base=URL, api_key=KEY, model=MODEL, is_chat_model=True)


def test_llama_index_asks(llama: OpenAILike) -> None:
    assert ANSWER in str(llama.complete(QUESTION))
    messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=QUESTION)]
    assert ANSWER in str(llama.chat(messages).message.content)


def test_llama_index_streams(llama: OpenAILike) -> None:
    said = "".join(piece.delta or "" for piece in llama.stream_chat([ChatMessage(role="user", content=QUESTION)]))
    assert ANSWER in said


async def test_llama_index_asks_asynchronously(llama: OpenAILike) -> None:
    assert ANSWER in str((await llama.achat([ChatMessage(role="user", content=QUESTION)])).message.content)


def test_llama_index_embeds() -> None:
    made = OpenAILikeEmbedding(api_base=URL, api_key=KEY, model_name=EMBED)
    documents = made.get_text_embedding_batch(TEXTS)
    query = made.get_query_embedding("halibut ships")
    assert [len(one) for one in documents] == [WIDE, WIDE]
    assert dot(query, documents[0]) > dot(query, documents[1])


def dot(one: Any, other: Any) -> float:
    return float(sum(a * b for a, b in zip(one, other, strict=True)))
