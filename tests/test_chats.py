"""`rag.chat()` with kept conversations, and the summaries that go with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import ragstone
from ragstone.conversations.packing import BUDGET
from ragstone.errors import ConfigError, ConversationNotFound, UsageError
from ragstone.prompts.estimate import estimated
from ragstone.rag import AsyncRag
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Prompt

SHIPS = "When does the halibut project ship?"
SHORT = "It ships on 3 May 2031 [1]."
LONG = f"It ships on 3 May 2031 [1], and {'so on ' * 200}"


def made(model: ScriptedModel) -> AsyncRag:
    source = MemorySource({"a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031."})
    source.name = "documents"
    return AsyncRag(
        store=MemoryStore(), lexical=MemoryLexicalIndex(), embedder=HashingEmbedder(), model=model, sources=[source]
    )


def said(prompt: Prompt) -> str:
    if prompt.name == "condense":
        return SHIPS
    if prompt.name == "digest":
        return "Earlier in this conversation: halibut."
    return LONG if "number" in prompt.messages[-1].content else SHORT


def named(model: ScriptedModel, name: str) -> list[Prompt]:
    """What was sent by one prompt file."""
    return [one for one in model.prompts if one.name == name]


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(said)


@pytest_asyncio.fixture
async def rag(model: ScriptedModel) -> AsyncIterator[AsyncRag]:
    async with made(model) as rag:
        await rag.ingest()
        yield rag


async def test_a_kept_conversation_goes_on_in_another_chat(rag: AsyncRag, model: ScriptedModel):
    await rag.chat(conversation="one", user="ana").ask(SHIPS)
    await rag.chat(conversation="one", user="ana").ask("Who leads it?")
    sent = named(model, "chat")[-1]
    assert [slot.text for slot in sent.slots if slot.name == "history"] == [SHIPS, SHORT]
    assert (await rag.conversations(user="ana").show("one")).turns == 2


async def test_a_follow_up_is_condensed_by_a_prompt_file(rag: AsyncRag, model: ScriptedModel):
    talk = rag.chat(conversation="one")
    await talk.ask(SHIPS)
    assert not named(model, "condense")
    await talk.ask("When does it ship?")
    (condensed,) = named(model, "condense")
    assert f"user: {SHIPS}" in condensed.messages[-1].content


@pytest.mark.parametrize("kept", [True, False])
async def test_a_long_conversation_is_summarised_once_for_each_stretch(rag: AsyncRag, model: ScriptedModel, kept: bool):
    talk = rag.chat(conversation="one" if kept else None)
    for number in range(12):
        await talk.ask(f"When does the halibut project number {number} ship?")
    digests = named(model, "digest")
    assert 2 <= len(digests) < 6
    assert "Earlier summary" not in digests[0].messages[-1].content
    assert all("Earlier in this conversation: halibut." in one.messages[-1].content for one in digests[1:])
    last = named(model, "chat")[-1]
    history = [slot.text for slot in last.slots if slot.name == "history"]
    assert history[0].startswith("Earlier in this conversation: halibut.")
    assert sum(map(estimated, history)) <= BUDGET + 50
    assert "number 10 ship" in history[-2]


async def test_two_at_once_lose_nothing(rag: AsyncRag):
    await asyncio.gather(*(rag.chat(conversation="one").ask(SHIPS) for _ in range(6)))
    assert [one.number for one in await rag.conversations().turns("one")] == [1, 2, 3, 4, 5, 6]


async def test_who_lacks_a_principal_can_neither_read_nor_go_on(rag: AsyncRag):
    await rag.chat(conversation="one", principals=["group:hr"]).ask(SHIPS)
    for principals in ([], ["group:it"]):
        with pytest.raises(ConversationNotFound):
            await rag.chat(conversation="one", principals=principals).ask(SHIPS)
        with pytest.raises(ConversationNotFound):
            await rag.conversations(principals=principals).turns("one")
    assert (await rag.conversations(principals=None).show("one")).turns == 1
    await rag.chat(conversation="one", principals=["group:hr", "group:it"]).ask(SHIPS)
    assert await rag.conversations(principals=["group:hr"]).newest() == []


async def test_a_conversation_that_was_deleted_meanwhile_does_not_come_back(rag: AsyncRag):
    talk = rag.chat(conversation="one")
    await talk.ask(SHIPS)
    await rag.conversations().delete("one")
    with pytest.raises(ConversationNotFound):
        await talk.ask(SHIPS)
    assert await rag.conversations().newest() == []


async def test_a_stream_that_is_left_is_not_kept(rag: AsyncRag):
    stream = rag.chat(conversation="one").stream(SHIPS)
    async for _ in stream:
        break
    await stream.close()
    assert (await rag.conversations().show("one")).turns == 0


@pytest.mark.parametrize("wrong", ["", "a b", "../x", "x" * 65, "-a"])
async def test_what_is_no_id_is_refused(model: ScriptedModel, wrong: str):
    async with made(model) as rag:
        with pytest.raises(UsageError, match="the id of the conversation is wrong"):
            rag.chat(conversation=wrong)


async def test_a_user_needs_a_conversation_that_is_kept(model: ScriptedModel):
    async with made(model) as rag:
        with pytest.raises(UsageError, match="a conversation that is not kept is nobody's"):
            rag.chat(user="ana")


async def test_a_trace_knows_whose_it_is(rag: AsyncRag):
    await rag.chat(conversation="one", user="ana").ask(SHIPS)
    (trace,) = [one for one in await rag.traces() if one.name == "chat"]
    assert trace.facts["user"] == "ana"
    found = await rag.forget_user("ana")
    assert (found.conversations, found.traces, found.feedback) == (1, 1, 0)


def test_a_project_has_one_database(tmp_path: Path):
    folder = tmp_path / "mydocs"
    ragstone_project(folder)
    for name in ("first", "second"):
        file = folder / "connectors" / f"{name}.yaml"
        file.write_text("kind: database\ntype: postgres\nurl: ${env:RAGSTONE_DATABASE_URL:}\n")
    with ragstone.open(folder) as rag:
        assert rag.conversations().newest() == []  # neither is configured


def test_two_databases_are_an_error(tmp_path: Path):
    folder = tmp_path / "mydocs"
    ragstone_project(folder)
    for name in ("first", "second"):
        file = folder / "connectors" / f"{name}.yaml"
        file.write_text("kind: database\ntype: postgres\nurl: postgresql://127.0.0.1:1/x\n")
    with ragstone.open(folder) as rag, pytest.raises(ConfigError, match="first and second"):
        rag.conversations().newest()


def ragstone_project(folder: Path) -> None:
    from ragstone.cli.init import Default, write

    write(folder, model=Default.extractive)
