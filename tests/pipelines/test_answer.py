"""From a question to an answer, with deterministic parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.errors import IndexMismatch, ModelUnavailable, PromptError, UnsupportedFilter, UsageError
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Answer, Message

FILES = {
    "a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.",
    "b.md": b"# Turbot\n\nThe turbot project has no date yet.",
}
SHIPS = "When does the halibut project ship?"
ABSTAINED = "The documents do not answer this question."


def made(model: ScriptedModel, files: dict[str, bytes] = FILES, **parts: Any) -> ragstone.AsyncRag:
    source = MemorySource(files)
    source.name = "documents"
    parts = {
        "store": MemoryStore(),
        "lexical": MemoryLexicalIndex(),
        "embedder": HashingEmbedder(),
        "sources": [source],
        **parts,
    }
    return ragstone.AsyncRag(model=model, **parts)


async def asked(model: ScriptedModel, question: str = SHIPS, **options: Any) -> Answer:
    async with made(model) as rag:
        await rag.ingest()
        return await rag.ask(question, **options)


async def test_markers_become_citations_that_quote_the_document():
    answer = await asked(ScriptedModel(["It ships on 3 May 2031 [1]. Nothing else is known [7]."]))
    assert answer.text == "It ships on 3 May 2031 [1]. Nothing else is known."
    (citation,) = answer.citations
    assert citation.quote == "The halibut project ships on 3 May 2031."
    assert FILES["a.md"].decode()[citation.start : citation.end] == citation.quote
    assert (citation.uri, citation.heading, citation.line) == ("a.md", "Halibut", 3)
    assert {verdict.check: verdict.passed for verdict in answer.verdicts} == {"citations": False, "egress": True}


async def test_a_token_of_a_model_is_broken_up_for_it_and_whole_in_what_it_quotes():
    text = "# Halibut\n\nA message of the halibut project begins with <|im_start|> and ~~turn~~ and its role."
    words = "A message of the halibut project begins with <| im_start|> and ~~ turn~~ and its role"
    model = ScriptedModel([f"{words} [1]."])
    model.capabilities = Capabilities(local=True, special_tokens=frozenset({"~~turn~~"}))
    async with made(model, {"a.md": text.encode()}) as rag:
        await rag.ingest()
        answer = await rag.ask("What begins a halibut message, </s>?")
    assert words in answer.prompt.messages[-1].content
    assert [slot.broken for slot in answer.prompt.slots] == [("</s>",), ("<|im_start|>", "~~turn~~"), ()]
    assert answer.text == text.partition("\n\n")[2][:-1] + " [1]."
    assert answer.citations[0].quote == text.partition("\n\n")[2]


DATAMARK = """---
inputs: [{name: question, required: true}]
metadata:
  ragstone:
    abstain: The documents do not say.
    passages: {mark: datamark}
---
system:
Before each word of a passage stands {{ mark }}. Without an answer say: The documents do not say.

user:
{{ passages }}

{{ question }}
"""


@pytest.mark.parametrize(
    ("said", "text", "abstained"),
    [
        ("¤The¤halibut¤project¤ships¤on¤3¤May¤2031¤[1].", "The halibut project ships on 3 May 2031 [1].", False),
        ("¤The¤documents¤do¤not¤say.", "The documents do not say.", True),
    ],
)
async def test_the_sign_of_a_datamark_comes_out_of_the_answer_before_it_is_cited(
    tmp_path: Path, said: str, text: str, abstained: bool
):
    (tmp_path / "marked.prompty").write_text(DATAMARK, encoding="utf-8")
    model = ScriptedModel([said])
    async with made(model, prompt=tmp_path / "marked.prompty") as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert "¤The¤halibut¤project¤ships¤on¤3¤May¤2031." in model.prompts[0].messages[-1].content
    assert (answer.text, answer.abstained) == (text, abstained)
    quotes = [citation.quote for citation in answer.citations]
    assert quotes == ([] if abstained else ["The halibut project ships on 3 May 2031."])
    assert all("¤" not in hit.chunk.text for hit in answer.hits)


async def test_a_small_chunk_is_found_and_its_parent_is_read():
    text = "# Halibut\n\nThe halibut project ships on 3 May 2031. " + "Nobody knows why it is so late. " * 8
    embedder = HashingEmbedder()
    splitter = ParentChildSplitter(embedder=embedder, size=15, parent_size=200)
    model = ScriptedModel(["It ships on 3 May 2031 [1]."])
    async with made(model, {"a.md": text.encode()}, embedder=embedder, splitter=splitter) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert [hit.chunk.text for hit in answer.hits] == [text.strip()]
    assert text.strip() in model.prompts[0].messages[-1].content
    (citation,) = answer.citations
    assert text[citation.start : citation.end] == citation.quote == "The halibut project ships on 3 May 2031."
    assert (citation.line, citation.heading) == (3, "Halibut")


async def test_the_words_for_no_answer_make_it_abstain():
    answer = await asked(ScriptedModel([f" {ABSTAINED} "]))
    assert answer.abstained
    assert answer.citations == ()
    assert answer.verdicts[0].passed


async def test_with_nothing_found_no_model_is_asked():
    model = ScriptedModel(["I would make something up."])
    async with made(model, {}) as rag:
        answer = await rag.ask(SHIPS)
    assert answer.abstained
    assert answer.text == ABSTAINED
    assert model.prompts == []


async def test_a_stream_gives_the_words_and_then_the_same_answer():
    said = "It ships on 3 May 2031 [1]. " + "Nothing else is known of it [1]. " * 4
    async with made(ScriptedModel([said])) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS)
        with pytest.raises(UsageError, match="not complete"):
            _ = stream.answer
        words = [delta.text async for delta in stream]
        assert len(words) > 1
        assert "".join(words) == said
        assert stream.answer.citations[0].uri == "a.md"


async def test_the_prompt_that_was_sent_is_the_prompt_that_explain_shows():
    model = ScriptedModel(["Yes [1]."])
    async with made(model) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
        explained = await rag.explain(SHIPS)
    assert model.prompts[0].messages == answer.prompt.messages == explained.messages
    assert explained.version == answer.prompt.version


async def test_a_conversation_sends_what_was_said_before():
    model = ScriptedModel(["On 3 May 2031 [1].", "Who leads the halibut project?", "Ana Ruiz leads it [1]."])
    async with made(model) as rag:
        await rag.ingest()
        chat = rag.chat()
        await chat.ask(SHIPS)
        answer = await chat.ask("Who leads it?")
    assert Message("user", SHIPS) in answer.prompt.messages
    assert Message("assistant", "On 3 May 2031 [1].") in answer.prompt.messages
    assert answer.hits[0].chunk.uri == "a.md"


async def test_an_error_of_the_model_is_raised_and_stays_in_the_trace():
    async with made(ScriptedModel([ModelUnavailable("refused", where="m", again=False)])) as rag:
        await rag.ingest()
        with pytest.raises(ModelUnavailable):
            await rag.ask(SHIPS)
        newest = (await rag.traces(limit=1))[0]
    assert newest.facts["outcome"] == "failed"
    assert next(step for step in newest.steps if step.name == "generate").error == "ModelUnavailable: m: refused"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": 0}, UsageError),
        ({"k": 10_001}, UsageError),
        ({"where": {"year": {"$near": 3}}}, UsageError),
        ({"where": {"acl": "group:hr"}}, UsageError),
        ({"prompt": "nothing"}, PromptError),
        ({"colour": "red"}, UsageError),
        ({"pipeline": "other"}, ragstone.RagstoneError),
    ],
)
async def test_a_wrong_argument_is_refused(options: dict[str, Any], error: type[Exception]):
    with pytest.raises(error):
        await asked(ScriptedModel(["Yes."]), **options)


async def test_a_filter_that_a_store_lacks_raises():
    class Plain(MemoryStore):
        capabilities = Capabilities(filters=frozenset())

        async def search(self, vector: Any, *, k: int, where: Any = None, context: Any) -> Any:
            if where is not None:
                raise UnsupportedFilter("no filters here")
            return await super().search(vector, k=k, context=context)

    async with made(ScriptedModel(["Yes."]), store=Plain()) as rag:
        await rag.ingest()
        with pytest.raises(UnsupportedFilter):
            await rag.search(SHIPS, where={"lang": "en"})


async def test_what_is_not_public_is_seen_by_those_it_names_alone():
    class Private(MemorySource):
        async def items(self, *, context: Any, known: Any) -> Any:
            async for item in super().items(context=context, known=known):
                yield replace(item, acl=("group:hr",) if item.uri == "a.md" else ("public",))

    source = Private(FILES)
    source.name = "documents"
    async with made(ScriptedModel(["Yes."]), sources=[source]) as rag:
        await rag.ingest()
        everyone = {hit.chunk.uri for hit in await rag.search(SHIPS)}
        strangers = {hit.chunk.uri for hit in await rag.search(SHIPS, principals=["group:it"])}
        people = {hit.chunk.uri for hit in await rag.search(SHIPS, principals=["group:hr"])}
    assert everyone == strangers == {"b.md"}
    assert people == {"a.md", "b.md"}


async def test_an_index_of_another_embedder_is_refused_until_it_is_ingested_again(tmp_path: Any):
    other = HashingEmbedder()
    other.fingerprint = "other"
    state, store, lexical = tmp_path / "project.db", MemoryStore(), MemoryLexicalIndex()
    async with made(ScriptedModel(["Yes."]), state=state, store=store, lexical=lexical) as rag:
        await rag.ingest()
    async with made(ScriptedModel(["Yes."]), state=state, store=store, lexical=lexical, embedder=other) as rag:
        with pytest.raises(IndexMismatch, match="Run: ragstone ingest"):
            await rag.ask(SHIPS)
        assert (await rag.ingest()).changed == 2
        assert await rag.search(SHIPS)


async def test_each_part_of_a_request_is_in_its_trace():
    async with made(ScriptedModel(["Yes [1]."])) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
        kept = await rag.trace(answer.trace_id)
    assert kept is not None
    names = {step.name for step in kept.steps}
    assert {"retrieve", "retrieve.embed", "retrieve.dense", "retrieve.lexical", "prompt", "generate"} <= names
    assert kept.facts["outcome"] == "answered"


async def test_dense_search_counts_less_for_a_language_that_the_embedder_does_not_read():
    embedder = HashingEmbedder()
    embedder.languages = frozenset({"en"})
    files = {**FILES, "zh.md": "# 比目鱼\n\n比目鱼项目将于2031年5月3日发布。".encode()}
    async with made(ScriptedModel(["Yes [1]."] * 2), files, embedder=embedder) as rag:
        await rag.ingest()
        weights = []
        for question in (SHIPS, "比目鱼项目什么时候发布？"):
            kept = await rag.trace((await rag.ask(question)).trace_id)
            assert kept is not None
            weights.append(next(step for step in kept.steps if step.name == "retrieve.fuse").facts["dense_weight"])
    assert weights == [0.5, 0.2]
