"""What a program may hand over by mistake, or a stranger on purpose."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.errors import UsageError
from ragstone.pipelines import retrieve
from ragstone.testing import HashingEmbedder, ScriptedModel

SHIPS = "When does the halibut project ship?"


@pytest.fixture
async def rag(tmp_path: Path) -> AsyncGenerator[ragstone.AsyncRag]:
    """One document in Chroma and Tantivy, behind an embedder that reads texts of any length."""
    (tmp_path / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031. Ana Ruiz leads it.")
    model = ScriptedModel(lambda prompt: "It ships on 3 May 2031 [1].")
    async with ragstone.AsyncRag(embedder=HashingEmbedder(window=10**6), model=model) as made:
        await made.ingest(tmp_path)
        yield made


def nested(depth: int) -> dict[str, Any]:
    where: dict[str, Any] = {"lang": "en"}
    for _ in range(depth):
        where = {"$and": [where]}
    return where


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        *(({"k": k}, "k is no whole number") for k in ("8", 2.0, True, [3])),
        *(({"k": k}, "k is out of range") for k in (0, -1, 1_000_000, 10**30)),
        *(({"where": where}, "no mapping") for where in ([{"lang": "en"}], "lang", 3, [])),
        ({"where": {3: "en"}}, "names its fields"),
        ({"where": {"year": {3: 4}}}, "unknown filter operator"),
        ({"where": {"year": float("nan")}}, "text, a number"),
        ({"where": {"year": None}}, "text, a number"),
        ({"where": nested(40)}, "nested too deeply"),
        ({"where": nested(5_000)}, "nested too deeply"),
        *(({"principals": who}, "principals") for who in (None, 3, [1], b"group:hr", [None])),
        *(({"tenant": tenant}, "tenant") for tenant in (None, "", 3)),
    ],
)
async def test_a_wrong_argument_is_said(rag: ragstone.AsyncRag, wrong: dict[str, Any], words: str):
    for ask in (rag.search, rag.ask, rag.explain):
        with pytest.raises(UsageError, match=words):
            await ask(SHIPS, **wrong)


@pytest.mark.parametrize("question", [None, 3, b"halibut", ["halibut"]])
async def test_a_question_that_is_no_text_is_said(rag: ragstone.AsyncRag, question: Any):
    for ask in (rag.search, rag.ask):
        with pytest.raises(UsageError, match="no text"):
            await ask(question)


@pytest.mark.parametrize("question", ["", " \n\t", "\u2003"])
async def test_an_empty_question_is_said(rag: ragstone.AsyncRag, question: str):
    with pytest.raises(UsageError, match="empty"):
        await rag.search(question)


@pytest.mark.parametrize(
    "question", ["\0", "\x1b[31mhalibut\x07", "the of and", "[/b] ship", "\u202e\ufeff", "?", "🐟"]
)
async def test_an_odd_question_is_a_question(rag: ragstone.AsyncRag, question: str):
    assert len(await rag.search(question)) == 1
    answer = await rag.ask(question)
    trace = await rag.trace(answer.trace_id)
    assert trace is not None
    assert trace.facts["question"] == question


@pytest.mark.parametrize(
    "question", ["halibut " * 13_000, "x" * 100_000, "比目鱼" * 33_000, "?!" * 50_000, "\0" * 100_000]
)
async def test_of_a_huge_question_the_beginning_is_read(rag: ragstone.AsyncRag, question: str):
    answer = await rag.ask(question)
    trace = await rag.trace(answer.trace_id)
    assert trace is not None
    (cut,) = (step for step in trace.steps if step.name == "retrieve.cut")
    assert len(HashingEmbedder().tokens(question[: cut.facts["read"]])[0]) <= retrieve.LONGEST
    assert len(trace.facts["question"]) < 3_000
    found = rag._parts.answer(tenant="default")
    context = ragstone.types.Context()
    asked = await found.ranking.ask(question, await found.index.facts(), context)
    asking = await found.ranking.asking(asked, context)
    assert len(asking.rows) == len(asking.weights) <= retrieve.MOST_TOKENS


@pytest.mark.parametrize(
    "where",
    [{"colour": "red"}, {"lang": 3}, {"uri": {"$gt": 3}}, {"lang": {"$contains": "en"}}, {"\0": "\0"}],
    ids=repr,
)
async def test_a_filter_that_nothing_passes_finds_nothing(rag: ragstone.AsyncRag, where: dict[str, Any]):
    assert await rag.search(SHIPS, where=where) == []


async def test_a_filter_as_deep_as_may_be_is_run(rag: ragstone.AsyncRag):
    assert len(await rag.search(SHIPS, where=nested(31))) == 1
