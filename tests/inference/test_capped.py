"""An answer that does not end is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from ragstone.inference.capped import THOUGHTS, CappedModel
from ragstone.inference.metered import MeteredModel
from ragstone.protocols import Model
from ragstone.testing import MemoryLedger, ScriptedModel
from ragstone.testing.suites import ModelSuite
from ragstone.types import Completion, Context, Delta, Message, Options, Prompt
from ragstone.usage import Usage

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Well?"),))


class Endless(ScriptedModel):
    """Says one piece for ever; `read` counts how often it was asked for it, `closed` whether somebody stopped it."""

    def __init__(self, piece: str = "again ") -> None:
        super().__init__([])
        self.piece, self.read, self.closed = piece, 0, False

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        try:
            while True:
                self.read += 1
                yield Delta(self.piece)
        finally:
            self.closed = True


class TestCappedModel(ModelSuite):
    def make(self, tmp_path: Path) -> Model:
        return CappedModel(ScriptedModel(lambda prompt: "A chunk holds 200 tokens [1]."))


async def heard(model: Model, prompt: Prompt = PROMPT) -> tuple[str, Completion]:
    deltas = [delta async for delta in model.stream(prompt, context=Context())]
    completion = deltas[-1].completion
    assert completion is not None
    return "".join(delta.text for delta in deltas), completion


@pytest.mark.parametrize("most", [1, 5, 6, 7, 100])
async def test_a_stream_is_left_at_the_character(most: int) -> None:
    endless = Endless()
    said, completion = await heard(CappedModel(endless, most=most))
    assert said == completion.text == ("again " * most)[:most]
    assert (completion.finish_reason, completion.model) == ("length", "model")
    assert f"cut off at {most:,} characters" in (completion.notice or "")
    assert endless.closed
    assert endless.read <= most + 1


async def test_reasoning_that_does_not_end_is_left_too() -> None:
    endless = Endless("")
    said, completion = await heard(CappedModel(endless, most=50))
    assert (said, completion.finish_reason, endless.closed) == ("", "length", True)
    assert f"cut off at {THOUGHTS:,} pieces of its reasoning" in (completion.notice or "")
    assert endless.read == THOUGHTS + 1


class Says(ScriptedModel):
    """Says these pieces, one after the other."""

    def __init__(self, *deltas: Delta) -> None:
        super().__init__([])
        self.deltas = deltas

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        for delta in self.deltas:
            yield delta


async def test_pieces_without_words_take_no_room_from_the_answer() -> None:
    whole = Completion(text="It ships in May.", model="m", reasoning="Hm. " * 150)
    thinking = [Delta("")] * 150
    said, completion = await heard(CappedModel(Says(*thinking, Delta("It ships in "), Delta("May.", whole)), most=100))
    assert (said, completion.text, completion.finish_reason) == ("It ships in May.", "It ships in May.", "stop")
    assert len(completion.reasoning) == 100


async def test_what_is_void_after_a_restart_takes_no_room_either() -> None:
    whole = Completion(text="It ships in May.", model="m")
    pieces = [Delta("x" * 90), Delta("", restart=True), Delta("It ships in May."), Delta("", whole)]
    deltas = [delta async for delta in CappedModel(Says(*pieces), most=100).stream(PROMPT, context=Context())]
    assert deltas == pieces
    endless = Says(Delta("x" * 90), Delta("", restart=True), *[Delta("again ")] * 100)
    assert (await heard(CappedModel(endless, most=100)))[1].text == ("again " * 100)[:100]


async def test_a_last_piece_that_is_cut_and_its_completion_say_the_same() -> None:
    tidied = Completion(text="a b c", model="m", usage=Usage(input_tokens=3, output_tokens=5))
    said, completion = await heard(CappedModel(Says(Delta("  a  "), Delta("b  c  ", tidied)), most=7))
    assert said == completion.text == "  a  b "
    assert (completion.finish_reason, completion.usage) == ("length", tidied.usage)
    assert "cut off at 7 characters" in (completion.notice or "")


async def test_a_server_that_forgets_the_limit_it_was_sent_is_left() -> None:
    endless = Endless()
    prompt = Prompt(name="p", version="1", messages=PROMPT.messages, options=Options(max_tokens=20))
    said, completion = await heard(CappedModel(endless), prompt)
    assert 20 <= len(said.split()) <= 45
    assert "cut off at 20 tokens" in (completion.notice or "")
    assert endless.closed


async def test_what_was_left_is_paid_for_as_far_as_it_came() -> None:
    ledger = MemoryLedger()
    await heard(MeteredModel(CappedModel(Endless(), most=600), ledger))
    (spent,) = await ledger.spent(since="2000-01-01", until="9999-12-31", context=Context())
    assert spent.usage.output_tokens >= 100
    assert await ledger.open(context=Context()) == []


async def test_a_whole_answer_is_cut_and_keeps_its_usage() -> None:
    for ask in ("generate", "stream", "sample"):
        model = CappedModel(ScriptedModel(["word " * 100, "word " * 100]), most=20)
        if ask == "stream":
            said, found = await heard(model)
            assert said == found.text
        elif ask == "sample":
            found = (await model.sample(PROMPT, n=2, context=Context()))[1]
        else:
            found = await model.generate(PROMPT, context=Context())
        assert found.text == ("word " * 100)[:20]
        assert (found.finish_reason, found.usage.output_tokens > 0) == ("length", ask != "stream")


async def test_an_answer_that_fits_is_left_as_it_is() -> None:
    said, completion = await heard(CappedModel(ScriptedModel(["a b c"]), most=5))
    assert (said, completion.text, completion.finish_reason, completion.notice) == ("a b c", "a b c", "stop", None)
