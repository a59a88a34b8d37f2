"""Whole answers, asked twice: what comes from the cache is what was said, and nobody gets what is another's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

import ragstone
from cached_project import ANSWER, QUESTION, CachedProject
from ragstone.caching.model import ROOM
from ragstone.caching.personal import WHY
from ragstone.cli.app import app
from ragstone.errors import ModelResting, ModelUnavailable, UsageError
from ragstone.evaluation.grading import _answered
from ragstone.pipelines.cache_parts import CacheParts
from ragstone.testing import MemoryCache
from ragstone.types import Answer, Context, Delta, Message, Options, Prompt
from ragstone.usage import Usage

HELLO = [Message("user", "Hello")]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedProject]:
    """One folder for all tests here, since to ingest takes longer than all of them."""
    with pytest.MonkeyPatch.context() as patch:
        made = CachedProject(tmp_path_factory.mktemp("project") / "mydocs", patch)

        async def ingest() -> None:
            async with made.opened() as rag:
                await rag.ingest()
                await rag.ingest(tenant="other")

        asyncio.run(ingest())
        yield made


@pytest.fixture
def project(ingested: CachedProject) -> CachedProject:
    """The same with an empty cache, and models that were asked nothing."""
    ingested.cache, ingested.asked = MemoryCache(), []
    for path in (ingested.folder / ".ragstone").glob("ledger.db*"):
        path.unlink()
    ingested.say = lambda _, __: ANSWER
    ingested.answering()
    return ingested


def told(answer: Answer) -> dict[str, Any]:
    """All of an answer but what it took and where it came from."""
    said = answer.as_dict()
    verdicts = [{**each, "milliseconds": None} for each in said["verdicts"]]
    return {name: said[name] for name in said if name not in ("usage", "cost", "cached", "trace_id")} | {
        "verdicts": verdicts
    }


async def test_the_second_answer_is_the_first_with_its_citations_and_costs_nothing(project: CachedProject) -> None:
    async with project.opened() as rag:
        first, second = await rag.ask(QUESTION), await rag.ask(QUESTION)
        assert (first.cached, second.cached) == (False, True)
        assert told(first) == told(second)
        assert first.citations == second.citations != ()
        assert first.verdicts == second.verdicts
        assert (second.completion.usage, second.completion.cost, second.completion.attempts) == (Usage(), 0.0, ())
        assert len(project.asked) == 1
        trace = await rag.trace(second.trace_id)
        assert trace is not None
        (step,) = [step for step in trace.steps if step.name == "cache"]
        assert step.facts["outcome"] == "hit"
        assert trace.facts["cached"] is True
        (spent,) = (await rag.costs()).spent
        assert spent.requests == 1, "the ledger has counted the one call"
    async with project.opened() as rag:
        assert (await rag.ask(QUESTION)).cached, "and so it is in the next process"


async def test_what_differs_is_asked_by_itself(project: CachedProject) -> None:
    async with project.opened() as rag:
        await rag.ask(QUESTION)
        for number, other in enumerate(
            (
                {"principals": ["group:hr"]},
                {"principals": ["group:hr", "group:it"]},
                {"tenant": "other"},
                {"prompt": "closed_qa", "text": "It ships in May."},
            ),
            2,
        ):
            assert not (await rag.ask(QUESTION, **other)).cached
            assert len(project.asked) == number
            assert (await rag.ask(QUESTION, **other)).cached
        assert not (await rag.ask(f"{QUESTION} ")).cached
        assert (await rag.ask(QUESTION)).cached


async def test_a_stream_is_replayed_as_one(project: CachedProject) -> None:
    told_at_length = f"{ANSWER} Its lead is Ana Ruiz [1]. Nobody says when it sails. It ships. It does."
    project.say = lambda _, __: told_at_length
    async with project.opened() as rag:
        first = rag.stream(QUESTION)
        said = [delta async for delta in first]
        second = rag.stream(QUESTION)
        again = [delta async for delta in second]
    assert len(again) == len(said) > 2
    assert text(said) == text(again) == told_at_length
    assert (second.answer.cached, told(first.answer)) == (True, told(second.answer))


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_many_who_ask_at_once_make_one_call(project: CachedProject) -> None:
    async with project.opened() as rag:
        found = await asyncio.gather(*(rag.ask(QUESTION) for _ in range(200)))
        assert len(project.asked) == 1
        assert {json.dumps(told(each), default=str) for each in found} == {json.dumps(told(found[0]), default=str)}
        assert sum(not each.cached for each in found) == 1
        (spent,) = (await rag.costs()).spent
        assert spent.requests == 1


async def test_an_answer_by_way_of_layers_is_replayed_call_by_call(project: CachedProject) -> None:
    text = (project.folder / "prompts/answer.prompty").read_text()
    assert text.count("  ragstone:\n") == 1
    project.write("prompts/checked.prompty", text.replace("  ragstone:\n", f"  ragstone:\n{LAYERS}"))
    async with project.opened() as rag:
        first = await rag.ask(QUESTION, prompt="checked")
        calls = len(project.asked)
        second = await rag.ask(QUESTION, prompt="checked")
    assert calls > 1
    assert len(project.asked) == calls
    assert (first.cached, second.cached) == (False, True)
    assert told(first) == told(second)
    assert second.completion.cost == 0
    assert second.completion.usage == Usage()


LAYERS = "    layers: {reflect: {verifier: self}}\n"


@pytest.mark.parametrize("way", ["ask", "stream", "chat", "batch"])
async def test_who_asks_may_want_it_anew_or_without_the_cache(project: CachedProject, way: str) -> None:
    numbers = iter(range(100))
    project.say = lambda _, __: f"It ships on 3 May 2031 [1]. {next(numbers)}"
    async with project.opened() as rag:

        async def ask(**how: Any) -> str:
            if way == "ask":
                return (await rag.ask(QUESTION, **how)).text[-1]
            if way == "chat":
                return (await rag.chat(**how).ask(QUESTION)).text[-1]
            if way == "batch":
                (one,) = [one async for one in rag.batch([QUESTION], **how)]
                assert one.answer is not None
                return one.answer.text[-1]
            stream = rag.stream(QUESTION, **how)
            async for _ in stream:
                pass
            return stream.answer.text[-1]

        assert [await ask(), await ask()] == ["0", "0"]
        assert await ask(cache="off") == "1"
        assert await ask() == "0"
        assert await ask(cache="refresh") == "2"
        assert [await ask(), await ask(cache="use")] == ["2", "2"]
        for wrong in ("only", "of", None, ["use"]):
            with pytest.raises(UsageError, match="one of use, refresh, off"):
                await ask(cache=wrong)


def test_the_blocking_face_has_it_too(project: CachedProject) -> None:
    with ragstone.open(project.folder) as rag:
        assert [rag.ask(QUESTION).cached for _ in range(2)] == [False, True]
        assert not rag.ask(QUESTION, cache="off").cached
        stream = rag.stream(QUESTION, cache="refresh")
        assert text(list(stream)) == ANSWER
        assert not stream.answer.cached
        assert not rag.chat(cache="off").ask(QUESTION).cached
        (one,) = rag.batch([QUESTION])
        assert one.answer is not None
        assert one.answer.cached
        with pytest.raises(UsageError):
            rag.ask(QUESTION, cache="only")


# ── Several models ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_answer_of_a_second_model_is_never_taken_for_the_firsts(
    project: CachedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.answering(models="one, two")
    down = True

    def say(voice: str, _: Prompt) -> Any:
        return ModelUnavailable("overloaded", again=False) if voice == "one" and down else f"{ANSWER} {voice}"

    project.say = say
    async with project.opened() as rag:
        first = await rag.ask(QUESTION)
        again = await rag.ask(QUESTION)
        assert [each.text.split()[-1] for each in (first, again)] == ["two", "two"]
        assert (first.cached, again.cached) == (False, True)
        assert first.notices == again.notices != ()
        down = False
        better = await rag.ask(QUESTION)
        assert (better.text.split()[-1], better.cached, better.notices) == ("one", False, ())
        assert (await rag.ask(QUESTION)).text.split()[-1] == "one"
    assert [voice for voice, _ in project.asked] == ["one", "two", "one", "one"]


async def test_what_was_answered_is_answered_while_the_model_is_down_and_left_alone(project: CachedProject) -> None:
    project.answering(timeout=5)  # to wait until it may be asked again takes longer
    async with project.opened() as rag:
        await rag.ask(QUESTION)
        project.say = lambda _, __: ModelUnavailable("overloaded", again=False)
        while True:  # until it is left alone
            with pytest.raises(ModelUnavailable) as failed:
                await rag.ask(f"{QUESTION} {len(project.asked)}")
            if isinstance(failed.value, ModelResting):
                break
        asked = len(project.asked)
        answer = await rag.ask(QUESTION)
    assert answer.cached
    assert answer.notices == ()
    assert len(project.asked) == asked


async def test_another_model_or_other_options_of_it_have_answers_of_their_own(project: CachedProject) -> None:
    async with project.opened() as rag:
        await rag.ask(QUESTION)
    path = project.folder / "connectors/one.yaml"
    before = path.read_text()
    try:
        path.write_text(before + "retries: 1\n")
        async with project.opened() as rag:
            assert (await rag.ask(QUESTION)).cached, "how often it is asked shapes no answer"
        path.write_text(before.replace("voice: one", "voice: other"))
        async with project.opened() as rag:
            assert not (await rag.ask(QUESTION)).cached
    finally:
        path.write_text(before)


# ── The gateway ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cache", "options", "calls"),
    [
        ("true", Options(), 2),
        ("true", Options(temperature=0.7), 2),
        ("true", Options(temperature=0), 1),
        ("{sampled: true}", Options(), 1),
        ("{sampled: true}", Options(temperature=0.7), 1),
        ("false", Options(temperature=0), 2),
    ],
)
async def test_messages_without_a_temperature_are_answered_by_lot(
    project: CachedProject, cache: str, options: Options, calls: int
) -> None:
    project.answering(cache=cache)
    async with project.opened() as rag:
        (first,) = await rag.route().complete(HELLO, options=options)
        *_, last = [delta async for delta in rag.route().stream(HELLO, options=options)]
    assert last.completion is not None
    assert first.text == last.completion.text
    assert last.completion.cached == (calls == 1)
    assert len(project.asked) == calls


# ── What must not be answered from a cache ──────────────────────────────────────────────────────────────────────────


async def test_prompt_tests_ask_anew(project: CachedProject) -> None:
    async with project.opened() as rag:
        await rag.test_prompt("answer", repeats=1)
        first = len(project.asked)
        await rag.test_prompt("answer", repeats=2)
    assert len(project.asked) == 3 * first > 0
    assert (await project.cache.stats(context=Context())).entries == {}


async def test_grading_for_the_calibration_of_a_route_asks_anew(project: CachedProject) -> None:
    async with project.opened() as rag:
        await rag.ask(QUESTION)
        pipeline = rag._parts.answer(tenant="default")  # pyright: ignore[reportPrivateUsage]
        await _answered(pipeline, QUESTION, Context())
    assert len(project.asked) == 2


# ── The command line ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_says_that_an_answer_came_from_the_cache(
    project: CachedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)

    def ask(*more: str) -> Any:
        found = CliRunner().invoke(app, ["ask", QUESTION, *more])
        assert found.exit_code == 0, found.output
        return found

    said = "Answered from the cache."
    assert said not in ask().stderr
    assert said in ask().stderr
    assert said not in ask("--refresh").stderr
    assert said not in ask("--no-cache").stderr
    assert json.loads(ask("--json").stdout)["cached"] is True
    assert json.loads(ask("--json", "--no-cache").stdout)["cached"] is False
    assert len(project.asked) == 4
    wrong = CliRunner().invoke(app, ["ask", QUESTION, "--no-cache", "--refresh"])
    assert wrong.exit_code == 2
    assert "exclude each other" in wrong.output


async def test_caches_begin_with_a_question_that_may_use_them(
    project: CachedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[CacheParts] = []
    monkeypatch.setattr(CacheParts, "begin", lambda parts: begun.append(parts))
    async with project.opened() as rag:
        await rag.ask(QUESTION, cache="off")
        assert not begun
        await rag.ask(QUESTION)
    assert len(begun) == 1


async def test_what_holds_personal_data_is_asked_each_time_unless_a_project_says_so(project: CachedProject) -> None:
    telling = f"I am jane.doe@example.com. {QUESTION}"
    async with project.opened() as rag:
        assert [(await rag.ask(telling)).cached for _ in range(2)] == [False, False]
        project.say = lambda _, __: f"{ANSWER} Call +49 231 555 0142."
        assert [(await rag.ask(QUESTION)).cached for _ in range(2)] == [False, False]
        assert ROOM not in (await project.cache.stats(context=Context())).entries
        trace = await rag.trace((await rag.ask(telling)).trace_id)
    assert trace is not None
    assert [step.facts["why"] for step in trace.steps if step.name == "cache"] == [WHY]
    project.answering(cache="{personal: true}")
    async with project.opened() as rag:
        assert [(await rag.ask(telling)).cached for _ in range(2)] == [False, True]
