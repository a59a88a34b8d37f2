"""Some hits are answered afresh and compared; too many false ones turn the semantic cache off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ragstone.asked import Asked
from ragstone.caching.semantic.watch import seen
from ragstone.errors import ModelUnavailable
from ragstone.testing import MemoryCache, ScriptedModel
from ragstone.types import Answer, Context, Prompt
from remembering import FILES, SHIPS, SHIPS_TOO, TURBOT, RememberingParts, WordJudge, echo, opened

CONTEXT = Context()
MORE = {**FILES, "c.md": "# Cod\n\nThe cod project ships on 7 July 2040."}
COD = "When does the cod project ship?"


async def asked(rag: Any, parts: RememberingParts, *questions: str) -> list[Answer]:
    found: list[Answer] = []
    for question in questions:
        found.append(await rag.ask(question))
        await parts.settled()
    return found


async def test_a_right_hit_is_answered_afresh_beside_the_request_and_found_right() -> None:
    parts = RememberingParts(watch=1.0)
    async with opened(parts) as rag:
        await rag.ingest()
        _, hit = await asked(rag, parts, SHIPS, SHIPS_TOO)
        (row,) = await seen(parts.cache, context=CONTEXT)
    assert hit.cached
    assert len(parts.asked.prompts) == 2
    assert (row.watched, row.false, row.on) == (1, 0, True)
    figures = (await parts.cache.stats(context=CONTEXT)).figures
    names = ("semantic.hit", "semantic.miss", "semantic.watched", "semantic.hit.answer.c1")
    assert [figures.get(name, 0) for name in names] == [1, 1, 1, 1]


async def test_false_hits_turn_it_off_and_each_question_then_has_its_own_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = RememberingParts(watch=1.0, judge=WordJudge(wrong=True, near=0.3), files=MORE)
    async with opened(parts) as rag:
        await rag.ingest()
        first = await asked(rag, parts, SHIPS, TURBOT, TURBOT, COD, SHIPS_TOO)
        second = await rag.ask("Please, when does the halibut project ship?")
    assert "3 May 2031" in first[1].text  # served, and wrong
    assert "no date" in first[2].text  # seen, and remembered in its own right
    assert first[2].notices == ()
    assert not second.notices
    assert "turned itself off" in caplog.text
    (row,) = await seen(parts.cache, context=CONTEXT)
    assert not row.on
    assert row.false == 2


async def test_it_stays_off_for_the_next_process_and_another_calibration_turns_it_on() -> None:
    cache, model = MemoryCache(), ScriptedModel(echo)
    judge = WordJudge(wrong=True, near=0.3)
    bad = RememberingParts(watch=1.0, judge=judge, cache=cache, model=model, files=MORE)
    async with opened(bad) as rag:
        await rag.ingest()
        await asked(rag, bad, SHIPS, TURBOT, COD)
    other = "Project halibut: when does it ship?"
    for calibration, question, hits in (("c1", SHIPS_TOO, False), ("c2", other, True)):
        parts = RememberingParts(cache=cache, model=model, calibration=calibration, files=MORE)
        async with opened(parts) as rag:
            await rag.ingest()
            assert bool((await rag.ask(question)).notices) is hits


async def test_none_is_watched_where_the_share_is_nothing() -> None:
    parts = RememberingParts(watch=0.0)
    async with opened(parts) as rag:
        await rag.ingest()
        await asked(rag, parts, SHIPS, SHIPS_TOO)
        assert await seen(parts.cache, context=CONTEXT) == []
    assert len(parts.asked.prompts) == 1


async def test_one_is_watched_at_a_time_and_nobody_waits_for_it() -> None:
    parts, held = RememberingParts(watch=1.0), asyncio.Event()
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        parts.asked.until = held
        for _ in range(3):
            assert (await rag.ask(SHIPS_TOO)).notices
        held.set()
        await parts.settled()
        (row,) = await seen(parts.cache, context=CONTEXT)
        assert row.watched == 1


async def test_an_answer_that_fails_afresh_says_nothing_and_the_end_waits_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragstone.caching.semantic.background.CLOSING", 0.0)
    down = False

    def say(prompt: Prompt) -> Any:
        return ModelUnavailable("it is down") if down else echo(prompt)

    parts = RememberingParts(watch=1.0, model=ScriptedModel(say))
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        down = True
        (hit,) = await asked(rag, parts, SHIPS_TOO)
        assert hit.notices
        assert await seen(parts.cache, context=CONTEXT) == []
        down = False
        parts.asked.until = asyncio.Event()  # never comes
        await rag.ask(SHIPS_TOO)


async def test_what_is_answered_afresh_is_asked_for_the_same_tenant_by_the_same_payer() -> None:
    parts = RememberingParts(watch=1.0)
    contexts: list[Context] = []
    pipeline = parts.answer(tenant="acme")
    generate = parts.asked.stream

    def noting(prompt: Prompt, *, context: Context) -> Any:
        contexts.append(context)
        return generate(prompt, context=context)

    parts.asked.stream = noting  # type: ignore[method-assign]
    async with opened(parts) as rag:
        await rag.ingest(tenant="acme")
        for question in (SHIPS, SHIPS_TOO):
            context = Context(tenant="acme", key="k1", principals=frozenset({"ana"}), budget=1.0, deadline=None)
            assert [piece async for piece in pipeline.stream(Asked(question=question), context=context)]
        await parts.settled()
    first, second = contexts
    assert (second.tenant, second.key, second.principals, second.budget) == ("acme", "k1", frozenset({"ana"}), 1.0)
    assert (second.cache, second.unread, second.trace.name) == ("refresh", True, "watch")
    assert second.purse is not first.purse
    assert (second.remaining() or 0) > 0
