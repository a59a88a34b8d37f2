"""Layers on the way of a real question: citations, notices, one deadline, one cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import ragstone
from layer_files import layered_file, no_files, solved
from ragstone.connectors.extractive import ExtractiveModel
from ragstone.errors import ConfigError, ModelRejected, ModelTimeout, ModelUnavailable, OutOfCalls
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.router import Router
from ragstone.pipelines.layered import LayerCalls, layered
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.layers.solving import Outcome
from ragstone.protocols import Capabilities, Model
from ragstone.samples import AT_ONCE
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.together import together
from ragstone.types import Answer, Completion, Context, Delta, Prompt

VOTE = "{cot: {on: true}, self_consistency: {n: 5, stop: none}}"
BODY = """\
system:
Answer from the passages. Else say: I do not know.

user:
{{ passages }}

Question: {{ question }}
"""


def rag(tmp_path: Path, model: Model, layers: str) -> ragstone.AsyncRag:
    layered_file(tmp_path, layers, own="abstain: I do not know.", body=BODY)
    (tmp_path / "documents").mkdir(exist_ok=True)
    (tmp_path / "documents" / "cod.md").write_text("# Cod\n\nThe cod swims near the harbour of Bergen.\n")
    return ragstone.AsyncRag(
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        model=model,
        prompt=tmp_path / "test.prompty",
    )


async def asked(tmp_path: Path, model: Model, layers: str) -> Answer:
    async with rag(tmp_path, model, layers) as open_:
        await open_.ingest(tmp_path / "documents")
        return await open_.ask("Where does the cod swim?")


async def test_an_answer_is_cited_and_its_steps_and_votes_are_kept(tmp_path: Path) -> None:
    said = "It stands in passage 1.\nAnswer: The cod swims near the harbour of Bergen [1]."
    answer = await asked(tmp_path, ScriptedModel([said, said, "Hm.", said, "Answer: In the sea [1]."]), VOTE)
    assert answer.text == "The cod swims near the harbour of Bergen [1]."
    assert answer.citations[0].uri.endswith("cod.md")
    assert answer.completion.reasoning == "It stands in passage 1."
    found = answer.as_dict()
    assert (found["confidence"], found["calls"]) == (3 / 5, 5)
    assert found["usage"]["input_tokens"] > 0


async def test_the_trace_holds_the_steps_of_a_chain_of_thought(tmp_path: Path) -> None:
    context = Context()
    steps = "It stands in passage 1. " * 200
    model = ScriptedModel([f"{steps}\nAnswer: 1"])
    await solved(layered_file(tmp_path, "{cot: {on: true}}"), model, context=context)
    (step,) = [step for step in context.trace.steps if step.name == "layer.cot"]
    assert step.facts["steps"] == f"{steps[:2000]} …"


async def test_an_answer_of_layers_is_streamed_in_one_piece(tmp_path: Path) -> None:
    model = ScriptedModel(["Let me see.\nAnswer: Near the harbour [1]."])
    async with rag(tmp_path, model, "{cot: {on: true}}") as open_:
        await open_.ingest(tmp_path / "documents")
        stream = open_.stream("Where does the cod swim?")
        assert [piece.text async for piece in stream if not piece.hits] == ["Near the harbour [1]."]
        assert stream.answer.text == "Near the harbour [1]."


async def test_a_model_that_only_quotes_answers_without_layers_and_says_so(tmp_path: Path) -> None:
    answer = await asked(tmp_path, ExtractiveModel(embedder=HashingEmbedder()), VOTE)
    assert "harbour of Bergen" in answer.text
    assert [notice for notice in answer.notices if "self_consistency and cot were not used" in notice]


async def test_the_model_that_quotes_answers_where_the_writing_one_is_down(tmp_path: Path) -> None:
    file = layered_file(tmp_path, VOTE)
    router = Router({"local": ScriptedModel(lambda _: ModelUnavailable("overloaded")), "quoting": Quoting(["Yes."])})
    outcome = await through(file, router)
    assert outcome.text == "Yes."
    assert "overloaded" in str(outcome.completion.notice)
    assert "were not used" in str(outcome.completion.notice)


async def test_an_answer_of_a_form_fails_with_the_reason_why_the_writing_model_is_down(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{self_consistency: {vote: place}}", outputs="[{name: place, kind: string}]")
    router = Router({"local": ScriptedModel(lambda _: ModelUnavailable("overloaded")), "quoting": Quoting(["Yes."])})
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await through(file, router)


async def test_what_no_other_model_can_mend_is_raised(tmp_path: Path) -> None:
    file = layered_file(tmp_path, VOTE)
    router = Router({"local": ScriptedModel(lambda _: ModelRejected("too long")), "quoting": Quoting(["Yes."])})
    with pytest.raises(ModelRejected):
        await through(file, router)


async def test_the_time_of_an_answer_is_that_of_all_its_calls(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{cot: {on: true}, self_consistency: {n: 8}}")
    lines = ["Answer: 1", "Answer: 2", "Answer: 1", "Answer: 2"]
    found = (await solved(file, ScriptedModel([*lines, *[ModelTimeout("the time was over")] * 8]))).completion
    assert found.text == "1"
    assert "the time was over" in str(found.notice)


async def test_a_cancelled_request_leaves_no_call_behind(tmp_path: Path) -> None:
    model = Waiting(["never"])
    task = asyncio.create_task(solved(layered_file(tmp_path, VOTE), model))
    await model.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.running == 0
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def test_no_answer_takes_more_calls_than_were_planned(tmp_path: Path) -> None:
    file = layered_file(tmp_path)
    model = ScriptedModel(lambda _: "Yes.")
    router, context = Router({"model": model}), Context()
    request = await prompted(file, {"question": "Why?"}, router=router, context=context)
    calls = LayerCalls(router, Nothing(), layers=file.layers, most=3, context=context)
    assert len(await calls.ask(request, n=2)) == 2
    assert len(await calls.ask(request, n=2)) == 1
    assert calls.left == 0
    with pytest.raises(OutOfCalls, match="all of its 3 calls"):
        await calls.ask(request)
    with pytest.raises(OutOfCalls):
        await calls.run("judge", {})
    assert len(model.prompts) == 3


class Quoting(ScriptedModel):
    """Writes no words of its own."""

    capabilities = ExtractiveModel.capabilities


class Waiting(ScriptedModel):
    """Never answers, and counts the calls that wait."""

    def __init__(self, script: list[str]) -> None:
        super().__init__(script)
        self.begun, self.running = asyncio.Event(), 0

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        self.running += 1
        self.begun.set()
        try:
            await asyncio.Event().wait()
            yield Delta("never")
        finally:
            self.running -= 1


class Nothing:
    """Runs no prompt file."""

    async def plain(self, name: str, inputs: object, *, context: Context) -> object:
        raise AssertionError(name)


async def through(file, router: Router) -> Outcome:
    context = Context()
    request = await prompted(file, {"question": "Why?"}, router=router, context=context)
    pieces = [piece async for piece in layered(file, request, router=router, runs=Nothing(), context=context)]
    assert isinstance(pieces[-1], Outcome)
    return pieces[-1]


async def test_no_more_than_a_few_calls_are_under_way_at_once(tmp_path: Path) -> None:
    model = Crowded()
    file = layered_file(tmp_path)
    router, context = Router({"model": model}), Context()
    request = await prompted(file, {"question": "Why?"}, router=router, context=context)
    calls = LayerCalls(router, Nothing(), layers=file.layers, most=40, context=context)
    await together(calls.ask(request) for _ in range(40))
    assert 2 <= model.most <= AT_ONCE


async def test_the_attempts_of_one_request_count_once(tmp_path: Path) -> None:
    model = ScriptedModel(["Answer: 1"] * 5, capabilities=Capabilities(samples=True))
    file = layered_file(tmp_path, "{cot: {on: true}, self_consistency: {n: 5, stop: none}}")
    found = (await solved(file, model)).completion
    assert (found.calls, [attempt.model for attempt in found.attempts]) == (5, ["model"])


class Crowded(ScriptedModel):
    """Counts the calls that are under way."""

    def __init__(self) -> None:
        super().__init__(lambda _: "Yes.")
        self.now = self.most = 0

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return await super().generate(prompt, context=context)


async def test_what_was_used_before_the_model_went_down_is_counted(tmp_path: Path) -> None:
    writing = ScriptedModel(['{"questions": ["Who?", "How many?"]}', *[ModelUnavailable("down")] * 9])
    quoting = Quoting(["Twelve days."])
    router, context = Router({"writing": writing, "quoting": quoting}), Context()
    file = layered_file(tmp_path, "{least_to_most: {on: true}}")
    request = await prompted(file, {"question": "Why?"}, router=router, context=context)
    runs = PromptRunner(router, no_files, models=())
    pieces = [piece async for piece in layered(file, request, router=router, runs=runs, context=context)]
    found = pieces[-1]
    assert isinstance(found, Outcome)
    assert (found.text, found.completion.calls) == ("Twelve days.", len(writing.prompts))
    assert found.completion.usage.input_tokens > 2 * sum(len(m.content.split()) for m in request.messages)
    assert "least_to_most was not used" in str(found.completion.notice)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("{cot: {on: often}}", "layers.cot.on: should be true, false or auto: found 'often'"),
        ("{cot: null}", "layers.cot: holds nothing; to switch it on, write `{on: true}` behind it"),
        ("{react: {tools: 3}}", "layers.react.tools: should be a list: found 3"),
        ("{least_to_most: {max_steps: three}}", "max_steps: should be a whole number: found 'three'"),
        ("{step_back: {on: [yes]}}", "layers.step_back.on: should be true or false: found"),
        ("{step_back: true}", "layers.step_back: should hold keys and values: found true"),
    ],
)
def test_a_wrong_switch_is_said_once_and_in_plain_words(tmp_path: Path, layers: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layered_file(tmp_path, layers)
    assert words in str(caught.value)
    assert len(caught.value.faults) == 1


def test_one_tool_needs_no_list(tmp_path: Path) -> None:
    assert layered_file(tmp_path, "{react: {tools: search}}").layers.tools


async def test_every_attempt_of_every_call_is_on_the_answer_and_on_the_error(tmp_path: Path) -> None:
    down = ModelUnavailable("down", again=False)
    file = layered_file(tmp_path, "{least_to_most: {on: true}}")

    async def asked(*more: Quoting) -> Outcome:
        writing = ScriptedModel(['{"questions": ["Who?", "How many?"]}', *[down] * 9])
        named = {"quoting": more[0]} if more else {}
        router, context = Router({"writing": AttemptedModel(writing), **named}), Context()
        request = await prompted(file, {"question": "Why?"}, router=router, context=context)
        runs = PromptRunner(router, no_files, models=())
        pieces = [piece async for piece in layered(file, request, router=router, runs=runs, context=context)]
        assert isinstance(pieces[-1], Outcome)
        return pieces[-1]

    with pytest.raises(ModelUnavailable) as caught:
        await asked()
    errors = [attempt.error is not None for attempt in caught.value.attempts]
    assert errors[0] is False
    assert all(errors[1:])
    assert len(errors) > 1
    answered = (await asked(Quoting(["Twelve days."]))).completion
    assert [attempt.error is not None for attempt in answered.attempts] == [*errors, False]
