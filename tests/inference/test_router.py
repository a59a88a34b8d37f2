"""Which model answers, and what is said of those that did not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ragstone.errors import ModelDenied, ModelError, ModelUnavailable, NotConfigured
from ragstone.inference.router import Router
from ragstone.protocols import Capabilities, Model
from ragstone.types import Completion, Context, Delta, Message, Prompt

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Hello"),))


class Saying(Model):
    """Says its pieces, then fails if it was told to."""

    def __init__(self, *pieces: str, error: ModelError | None = None, notice: str | None = None) -> None:
        self.pieces, self.error, self.notice = pieces, error, notice

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        if self.error:
            raise self.error
        return Completion(text="".join(self.pieces), model=self.name, notice=self.notice)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncIterator[Delta]:
        for piece in self.pieces:
            yield Delta(piece)
        yield Delta("", await self.generate(prompt, context=context))


async def said(router: Router) -> tuple[str, Completion]:
    deltas = [delta async for delta in router.stream(PROMPT, context=Context())]
    completion = deltas[-1].completion
    assert completion is not None
    return "".join(delta.text for delta in deltas), completion


async def test_the_first_configured_model_answers_and_the_skipped_one_is_named():
    router = Router({"local": NotConfigured("RAGSTONE_LOCAL_URL is not set"), "second": Saying("Good ", "day")})
    text, completion = await said(router)
    assert text == completion.text == "Good day"
    assert completion.notice == "local is not configured (RAGSTONE_LOCAL_URL is not set)"
    assert [attempt.model for attempt in completion.attempts] == ["second"]


async def test_a_model_that_cannot_be_reached_gives_way_to_the_next():
    router = Router({"down": Saying(error=ModelUnavailable("refused", where="local")), "up": Saying("ok", notice="n")})
    _, completion = await said(router)
    assert [(attempt.model, attempt.error) for attempt in completion.attempts] == [
        ("down", "local: refused"),
        ("up", None),
    ]
    assert completion.notice == "local: refused\nn"


async def test_once_words_have_come_a_failure_is_final():
    router = Router({"half": Saying("Good ", error=ModelUnavailable("broke off")), "up": Saying("ok")})
    with pytest.raises(ModelUnavailable, match="broke off"):
        await said(router)


async def test_a_refused_key_is_no_reason_to_ask_another_model():
    with pytest.raises(ModelDenied):
        await said(Router({"denied": Saying(error=ModelDenied("the key was refused")), "up": Saying("ok")}))


async def test_the_last_failure_is_raised_when_nobody_answers():
    missing = NotConfigured("X is not set")
    router = Router({"a": missing, "b": Saying(error=ModelUnavailable("refused"))})
    with pytest.raises(ModelUnavailable, match="refused"):
        await said(router)
    with pytest.raises(NotConfigured, match="X is not set"):
        Router({"a": missing}).require()
    Router({"a": missing, "b": Saying("ok")}).require()


async def test_each_try_is_a_step_of_the_trace():
    context = Context()
    router = Router({"down": Saying(error=ModelUnavailable("refused")), "up": Saying("ok")})
    async for _ in router.stream(PROMPT, context=context):
        pass
    assert [(step.facts["model"], step.error is None) for step in context.trace.steps] == [
        ("down", False),
        ("up", True),
    ]


async def test_a_reader_who_leaves_with_the_last_piece_has_not_cut_the_step_short():
    context = Context()
    stream = Router({"up": Saying("ok")}).stream(PROMPT, context=context)
    async for piece in stream:
        if piece.completion is not None:
            break
    await stream.aclose()
    (step,) = context.trace.steps
    assert step.error is None
    assert step.facts["finish_reason"]


def test_the_special_tokens_are_those_of_all_models_that_may_answer():
    first, second = Saying("a"), Saying("b")
    first.capabilities = Capabilities(special_tokens=frozenset({"<a>", "<b>"}))
    second.capabilities = Capabilities(special_tokens=frozenset({"<b>", "<c>"}))
    router = Router({"first": first, "gone": NotConfigured("X is not set"), "second": second})
    assert router.special_tokens == {"<a>", "<b>", "<c>"}
    assert Router({"gone": NotConfigured("X is not set"), "plain": Saying("c")}).special_tokens == frozenset()
