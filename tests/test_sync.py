"""The blocking face: the same names, also inside a running event loop."""

from __future__ import annotations

import inspect

import pytest

import ragstone
from ragstone.chats import AsyncChat
from ragstone.health import AsyncHealth
from ragstone.histories import AsyncConversations
from ragstone.ingestions import AsyncIngestions
from ragstone.prompt_files import AsyncPrompts
from ragstone.rag import AsyncRag
from ragstone.records import AsyncRecords
from ragstone.sync import Chat, Rag
from ragstone.sync.faces import Conversations, Health, Ingestions, Prompts
from ragstone.sync.records import Records
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel

SHIPS = "When does the halibut project ship?"


def made(*answers: str) -> ragstone.Rag:
    source = MemorySource({"a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031."})
    source.name = "documents"
    return ragstone.Rag(
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        model=ScriptedModel(list(answers)),
        sources=[source],
    )


def public(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(value)
        for name, value in vars(cls).items()
        if not name.startswith("_") and inspect.isfunction(value)
    }


TWINS = [
    (Rag, AsyncRag),
    (Records, AsyncRecords),
    (Chat, AsyncChat),
    (Conversations, AsyncConversations),
    (Prompts, AsyncPrompts),
    (Health, AsyncHealth),
    (Ingestions, AsyncIngestions),
]


@pytest.mark.parametrize(("blocking", "twin"), TWINS)
def test_both_faces_have_the_same_names_and_parameters(blocking: type, twin: type):
    ours, theirs = public(blocking), public(twin)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert list(ours[name].parameters) == list(theirs[name].parameters), name
        assert [str(p) for p in ours[name].parameters.values()] == [str(p) for p in theirs[name].parameters.values()]


def test_ask_search_stream_and_chat():
    with made("It ships on 3 May 2031 [1].", "Yes [1].", "On 3 May 2031 [1].") as rag:
        assert rag.ingest().added == 1
        assert rag.search(SHIPS)[0].chunk.uri == "a.md"
        answer = rag.ask(SHIPS)
        assert answer.citations[0].quote == "The halibut project ships on 3 May 2031."
        stream = rag.stream(SHIPS)
        assert "".join(delta.text for delta in stream) == "Yes [1]."
        assert stream.answer.text == "Yes [1]."
        assert rag.chat().ask(SHIPS).text == "On 3 May 2031 [1]."
        assert rag.explain(SHIPS).name == "answer"
        assert rag.trace(answer.trace_id)
        assert len(rag.traces(limit=2)) == 2


async def test_it_works_inside_a_running_loop():
    with made("Yes [1].") as rag:
        rag.ingest()
        assert rag.ask(SHIPS).text == "Yes [1]."


def test_an_error_arrives_as_it_was_raised():
    with made("Yes.") as rag, pytest.raises(ragstone.errors.UsageError, match="the question is empty"):
        rag.ask(" ")


def test_closing_twice_is_harmless():
    rag = made("Yes.")
    rag.close()
    rag.close()
