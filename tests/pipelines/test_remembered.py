"""A question that means the same as an earlier one is answered as that one was, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ragstone.asked import Asked
from ragstone.caching.personal import Impersonal
from ragstone.caching.spared import SparedCache
from ragstone.errors import EmbedderError, ModelUnavailable
from ragstone.stored import Found
from ragstone.testing import HashingEmbedder, MemoryCache, ScriptedModel
from ragstone.types import Answer, Completion, Context, Prompt
from ragstone.validation.personal.check import PersonalCheck
from remembering import FILES, SHIPS, SHIPS_TOO, TURBOT, RememberingParts, WordJudge, echo, opened


def told(trace: Any) -> dict[str, Any]:
    """What a trace says of the look for an earlier question."""
    (step,) = [step for step in trace.steps if step.name == "semantic"]
    return dict(step.facts)


def question_of(prompt: Prompt) -> str:
    """What a model was asked."""
    slot = prompt.slot("user")
    return slot.text if slot is not None else ""


async def test_a_question_in_other_words_is_answered_from_memory_and_says_so() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        first = await rag.ask(SHIPS)
        second = await rag.ask(SHIPS_TOO)
        trace = await rag.trace(second.trace_id)
    assert len(parts.asked.prompts) == 1
    assert (second.text, second.citations) == (first.text, first.citations)
    assert (first.cached, second.cached) == (False, True)
    assert second.notices[0] == f"Answered as an earlier question was: “{SHIPS}”"
    assert trace is not None
    assert {"candidate": SHIPS, "check": "", "outcome": "hit", "judged": 1}.items() <= told(trace).items()
    assert sum(step.name == "prompt" for step in trace.steps) == 1


async def test_a_question_that_means_something_else_goes_the_ordinary_way_and_says_nothing() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        other = await rag.ask(TURBOT)
        trace = await rag.trace(other.trace_id)
    plain = RememberingParts()
    async with opened(plain) as rag:
        await rag.ingest()
        alone = await rag.ask(TURBOT)
    assert [question_of(one) for one in parts.asked.prompts] == [SHIPS, TURBOT]
    assert (other.text, other.notices, other.cached) == (alone.text, alone.notices, False)
    assert told(trace)["outcome"] == "refused"
    assert told(trace)["check"] == "model"


async def test_the_very_same_question_is_no_matter_of_likeness() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        again = await rag.ask(SHIPS)
        trace = await rag.trace(again.trace_id)
    assert again.cached
    assert again.notices == ()
    assert told(trace)["outcome"] == "asked before in these words"
    assert not parts.judge.judged


async def test_a_stream_says_the_earlier_answer_piece_by_piece() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        first = await rag.ask(SHIPS)
        stream = rag.stream(SHIPS_TOO)
        said = "".join([delta.text async for delta in stream])
    assert said == first.completion.text
    assert stream.answer.cached


async def test_many_questions_at_once_and_in_a_batch_find_each_other() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        found = [one async for one in rag.batch([SHIPS_TOO] * 5 + [TURBOT])]
    assert [one.answer is not None and one.answer.cached for one in found] == [True] * 5 + [False]
    assert len(parts.asked.prompts) == 2


async def test_a_follow_up_finds_what_was_asked_after_the_same_words_alone() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        answers: list[Answer] = []
        for first, second in ((SHIPS, "Who leads it?"), (SHIPS, "It leads who?"), (TURBOT, "It leads who?")):
            talk = rag.chat()
            await talk.ask(first)
            answers.append(await talk.ask(second))
    assert [answer.cached for answer in answers] == [False, True, False]


@pytest.mark.parametrize("change", ["edit", "remove", "forbid"])
async def test_what_becomes_of_a_document_is_never_told_from_memory(change: str) -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        files = dict(FILES)
        if change == "edit":
            files["a.md"] = "# Halibut\n\nThe halibut project ships on 9 June 2044. Its lead is Ana Ruiz."
        elif change == "remove":
            del files["a.md"]
        else:
            parts.source._acl = {"a.md": ("group:hr",)}  # pyright: ignore[reportPrivateUsage]
            parts.source.protected = True
        parts.source.files = files
        await rag.ingest()
        answer = await rag.ask(SHIPS_TOO)
        trace = await rag.trace(answer.trace_id)
        again = await rag.ask(SHIPS_TOO)
    assert not answer.cached
    assert answer.notices == ()
    assert "3 May 2031" not in answer.text
    assert told(trace)["outcome"] == "nothing is kept for it"
    assert again.cached  # in its own right, since the earlier question was forgotten
    assert again.notices == ()


async def test_an_edited_prompt_other_filters_and_other_settings_share_nothing(tmp_path: Path) -> None:
    file = tmp_path / "own.prompty"
    words = "system:\nAnswer.\n\nuser:\n{{ passages }}\n\n{{ question }}\n"
    head = "---\ninputs: [{name: question, required: true}, {name: tone, kind: string}]\n---\n"
    file.write_text(head + words)
    parts = RememberingParts(prompt=file)

    class Form(BaseModel):
        text: str

    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        for options in ({"where": {"uri": "a.md"}}, {"k": 3}, {"tone": "dry"}, {"output": Form}):
            parts.asked._say = (lambda _: '{"text": "x"}') if "output" in options else echo  # pyright: ignore
            assert not (await rag.ask(SHIPS_TOO, **options)).notices
        parts.asked._say = echo  # pyright: ignore
        assert (await rag.ask(SHIPS_TOO)).notices
        file.write_text(head + words.replace("Answer.", "Answer briefly."))
        assert not (await rag.ask(SHIPS_TOO)).cached


async def test_another_model_is_asked_itself() -> None:
    cache = MemoryCache()
    for fingerprint in ("one", "two"):
        model = ScriptedModel(echo)
        model.fingerprint = fingerprint
        parts = RememberingParts(cache=cache, model=model)
        async with opened(parts) as rag:
            await rag.ingest()
            assert not (await rag.ask(SHIPS)).cached
            assert (await rag.ask(SHIPS_TOO)).cached


async def test_another_process_finds_what_this_one_has_remembered() -> None:
    cache, model = MemoryCache(), ScriptedModel(echo)
    for question, cached in ((SHIPS, False), (SHIPS_TOO, True)):
        async with opened(RememberingParts(cache=cache, model=model)) as rag:
            await rag.ingest()
            assert (await rag.ask(question)).cached is cached
    assert len(model.prompts) == 1


async def asked(parts: RememberingParts, question: str, policy: Any) -> Answer:
    pieces = parts.answer(tenant="default").stream(Asked(question=question), context=Context(cache=policy))
    *_, last = [piece async for piece in pieces]
    assert isinstance(last, Answer)
    return last


async def test_the_caller_may_want_a_fresh_answer_or_no_memory_at_all() -> None:
    parts = RememberingParts()
    async with opened(parts) as rag:
        await rag.ingest()
        await asked(parts, SHIPS, "off")
        assert not (await asked(parts, SHIPS_TOO, "use")).cached  # nothing was remembered
        assert not (await asked(parts, SHIPS, "off")).cached
        assert not (await asked(parts, SHIPS, "refresh")).cached
        assert not parts.judge.judged[1:]
        reordered = "Project halibut: when does it ship?"
        assert (await asked(parts, reordered, "use")).cached


async def test_what_was_not_answered_or_is_not_kept_is_not_remembered(tmp_path: Path) -> None:
    abstaining = RememberingParts(model=ScriptedModel(lambda prompt: prompt.abstain or ""))
    async with opened(abstaining) as rag:
        await rag.ingest()
        assert (await rag.ask(SHIPS)).abstained
        await abstaining.settled()
        assert abstaining.cache.asked["put"] == 1  # type: ignore[attr-defined]
    file = tmp_path / "drawn.prompty"
    head = "---\nmodel: {options: {temperature: 0.7}}\ninputs: [{name: question, required: true}]\n---\n"
    file.write_text(head + "user:\n{{ passages }}\n\n{{ question }}\n")
    for sampled in (False, True):
        drawn = RememberingParts(prompt=file, sampled=sampled)
        async with opened(drawn) as rag:
            await rag.ingest()
            await rag.ask(SHIPS)
            assert (await rag.ask(SHIPS_TOO)).cached is sampled


class Failing(WordJudge):
    """A judge that cannot judge."""

    def judge(self, asked: Any, kept: Any) -> Any:
        raise ArithmeticError("it is broken")


class Speechless(MemoryCache):
    """Knows no tags."""

    async def tagged(self, room: str, tag: str, *, context: Context) -> Any:
        raise OSError("the disk is gone")


async def test_what_a_screen_refuses_is_neither_kept_nor_remembered() -> None:
    async def screen(prompt: Prompt, _: Completion) -> str | None:
        return "it names a project" if "halibut" in question_of(prompt) else None

    parts = RememberingParts(screen=screen)
    async with opened(parts) as rag:
        await rag.ingest()
        for question in (SHIPS, SHIPS_TOO, TURBOT, TURBOT):
            await rag.ask(question)
        await parts.settled()
    assert [question_of(one) for one in parts.asked.prompts] == [SHIPS, SHIPS_TOO, TURBOT]


@pytest.mark.parametrize(("judge", "cache"), [(Failing(), MemoryCache()), (WordJudge(), Speechless())])
async def test_what_fails_in_here_fails_no_request(
    judge: WordJudge, cache: MemoryCache, caplog: pytest.LogCaptureFixture
) -> None:
    parts = RememberingParts(judge=judge, cache=cache, watch=1.0)
    async with opened(parts) as rag:
        await rag.ingest()
        for question in (SHIPS, SHIPS_TOO, SHIPS_TOO):
            answer = await rag.ask(question)
            assert "3 May 2031" in answer.text
        await parts.settled()


async def test_a_model_that_fails_is_the_readers_matter_as_ever() -> None:
    def say(prompt: Prompt) -> Any:
        return echo(prompt) if question_of(prompt) == SHIPS else ModelUnavailable("it is down")

    parts = RememberingParts(model=ScriptedModel(say))
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        assert (await rag.ask(SHIPS_TOO)).cached  # no model is needed for it
        with pytest.raises(ModelUnavailable):
            await rag.ask(TURBOT)


class Counting(HashingEmbedder):
    """Notes the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    async def embed(self, texts: Any, *, context: Context, ids: Any = None) -> Any:
        self.embedded += texts
        return await super().embed(texts, context=context, ids=ids)


class Late(MemoryCache):
    """Gives answers of models too late."""

    late = 0.0

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        await asyncio.sleep(self.late if room == "calls" else 0)
        return await super().get(room, keys, context=context)


class Forgetful(HashingEmbedder):
    """Cannot read an earlier question for a while."""

    down = False

    async def embed(self, texts: Any, *, context: Context, ids: Any = None) -> Any:
        if self.down and SHIPS in texts:
            raise EmbedderError("it is down")
        return await super().embed(texts, context=context, ids=ids)


@pytest.mark.parametrize(
    ("trouble", "outcome", "kept"),
    [
        ("late", "the cache could not be asked", True),
        ("down", "it has no answer now", True),
        ("gone", "nothing is kept for it", False),
    ],
)
async def test_a_question_is_forgotten_only_where_nothing_is_kept_for_it(
    trouble: str, outcome: str, kept: bool
) -> None:
    def say(prompt: Prompt) -> Any:
        return echo(prompt) if question_of(prompt) == SHIPS else ModelUnavailable("it is down")

    cache, embedder = Late(), Forgetful()
    spared = SparedCache(cache, patience=0.02 if trouble == "late" else 5.0)
    parts = RememberingParts(cache=spared, embedder=embedder, model=ScriptedModel(say), every=60.0)
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        await parts.settled()
        await spared.stats(context=Context())  # once all is written
        if trouble == "gone":
            await cache.clear(["calls"], context=Context())
        cache.late, embedder.down = 0.1 * (trouble == "late"), trouble == "down"
        context = Context()
        with pytest.raises(ModelUnavailable):
            assert not [
                piece
                async for piece in parts.answer(tenant="default").stream(Asked(question=SHIPS_TOO), context=context)
            ]
        assert told(context.trace)["outcome"] == outcome
        cache.late, embedder.down = 0.0, False
        await parts.settled()
        await spared.stats(context=Context())
        assert (await cache.stats(context=Context())).entries.get("questions", 0) == kept


async def test_only_the_question_is_embedded_never_the_prompt() -> None:
    embedder = Counting()
    parts = RememberingParts(embedder=embedder)
    async with opened(parts) as rag:
        await rag.ingest()
        embedder.embedded.clear()
        await rag.ask(SHIPS)
        await rag.ask(SHIPS_TOO)
    assert set(embedder.embedded) == {SHIPS, SHIPS_TOO}


async def test_the_judge_gets_the_vectors_of_tokens_only_where_something_is_near() -> None:
    parts = RememberingParts(judge=WordJudge(near=0.5))
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        await rag.ask("Which colour has the sea?")
        assert not parts.judge.judged
        await rag.ask(SHIPS_TOO)
    ((question, kept),) = parts.judge.judged
    assert (question.text, kept.text) == (SHIPS_TOO, SHIPS)
    assert question.tokens is not None
    assert question.tokens.shape == (len(SHIPS_TOO.replace(":", " :").replace("?", " ?").split()), 256)


async def test_a_long_text_is_neither_compared_nor_remembered() -> None:
    parts = RememberingParts(judge=WordJudge(wrong=True), embedder=HashingEmbedder(window=4096))
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS + " Please." * 200)
        assert not (await rag.ask(SHIPS + " Please." * 201)).cached


async def test_an_input_that_no_key_can_be_made_of_is_asked_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "own.prompty"
    head = "---\ninputs: [{name: question, required: true}, {name: level, kind: float}]\n---\n"
    file.write_text(head + "user:\n{{ passages }}\n\n{{ question }} {{ level }}\n")
    parts = RememberingParts(prompt=file)
    async with opened(parts) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS, level=float("inf"))
    assert "3 May 2031" in answer.text


async def test_an_answer_is_the_same_as_without_a_cache_but_for_what_says_so() -> None:
    parts, plain = RememberingParts(), RememberingParts()
    async with opened(parts) as rag, opened(plain) as other:
        await rag.ingest()
        await other.ingest()
        await rag.ask(SHIPS)
        found, alone = await rag.ask(SHIPS_TOO), await other.ask(SHIPS)
    same = replace(
        found,
        cached=False,
        notices=found.notices[1:],
        trace_id=alone.trace_id,
        completion=alone.completion,
    )
    assert same == alone
    assert found.completion.text == alone.completion.text


async def test_a_question_with_personal_data_is_not_remembered() -> None:
    telling = "I am jane@example.com"
    for screen, candidate in ((Impersonal(PersonalCheck()), None), (None, f"{telling}. {SHIPS}")):
        parts = RememberingParts(screen=screen)
        async with opened(parts) as rag:
            await rag.ingest()
            await rag.ask(f"{telling}. {SHIPS}")
            trace = await rag.trace((await rag.ask(f"{telling}. {SHIPS_TOO}")).trace_id)
        assert told(trace).get("candidate") == candidate


async def test_an_answer_that_cannot_be_looked_through_is_given_and_kept_nowhere() -> None:
    async def failing(prompt: Prompt, completion: Completion) -> str | None:
        raise RuntimeError("no threads are left")

    parts = RememberingParts(screen=failing)
    async with opened(parts) as rag:
        await rag.ingest()
        found = [await rag.ask(question) for question in (SHIPS, SHIPS, SHIPS_TOO)]
    assert [(each.abstained, each.cached) for each in found] == [(False, False)] * 3
    assert len(parts.asked.prompts) == 3
    kept = await parts.cache.stats(context=Context())
    assert not {"calls", "questions"} & set(kept.entries)
