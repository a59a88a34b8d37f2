"""The conformance suite of Model."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from ragstone.errors import ModelTimeout, NotAllowed
from ragstone.protocols import SETTINGS, Model
from ragstone.settings import SPELLED
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.testing.suites.samples import chunk
from ragstone.types import Completion, Context, Delta, Hit, Message, Options, Prompt, Slot

__all__ = ["ModelSuite", "Silence"]

QUESTION = "What is the capital of France?"
PASSAGE = "Paris is the capital of France. Lyon is its third largest city."


SET: dict[str, Any] = {
    "temperature": 0.5,
    "max_tokens": 16,
    "top_p": 0.9,
    "top_k": 4,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "seed": 7,
    "stop": ("END",),
}
"""A value for every setting."""

LONGEST = 20.0  # seconds within which a server sees that its caller is gone


@dataclass(frozen=True, slots=True)
class Silence:
    """A server that says nothing: `asked` once a request is there, `left` once its connection is closed."""

    asked: threading.Event
    left: threading.Event


def prompt(question: str = QUESTION, passage: str = PASSAGE) -> Prompt:
    """A question over one passage, as `answer.prompty` renders it."""
    hit = Hit(chunk(passage), 1, {"fused": 1.0})
    return Prompt(
        name="answer",
        version="1",
        messages=(
            Message("system", "Answer from the passages alone."),
            Message("user", f"[1] {passage}\n\nQuestion: {question}"),
        ),
        slots=(
            Slot(name="context", trust="retrieved", text=f"[1] {passage}", hits=(hit,)),
            Slot(name="question", trust="user", text=question),
        ),
        options=Options(temperature=0.0, max_tokens=64),
        abstain="The documents do not say.",
    )


class ModelSuite(ConnectorSuite[Model]):
    """What every model does. `deadlines`: it gives up with ModelTimeout when the context's deadline has passed.

    `secret` is the key that `make` gives it, if any; `silenced` makes its server say nothing from then on.

    >>> class TestMyModel(ModelSuite):
    ...     deadlines = True
    ...
    ...     def make(self, tmp_path: Path) -> Model:
    ...         return MyModel("http://127.0.0.1:8000")
    """

    deadlines: ClassVar[bool] = False
    secret: ClassVar[str] = ""

    def silenced(self) -> Silence | None:
        """The server of the model, which says nothing from now on; None where there is no server."""
        return None

    async def exercise(self, connector: Model) -> None:
        await connector.generate(prompt(), context=CONTEXT)
        await connector.sample(prompt(), n=2, context=CONTEXT)
        await self.streamed(connector)

    async def streamed(self, model: Model, asked: Prompt | None = None) -> list[Delta]:
        """Every delta of an answer."""
        return [delta async for delta in model.stream(asked or prompt(), context=CONTEXT)]

    async def test_a_completion_says_who_made_it_and_what_it_took(self, connector: Model) -> None:
        completion = await connector.generate(prompt(), context=CONTEXT)
        self.demand_whole(completion)

    async def test_the_deltas_make_up_the_text_and_the_last_carries_the_completion(self, connector: Model) -> None:
        *deltas, last = await self.streamed(connector)
        assert last.completion is not None
        assert all(delta.completion is None for delta in deltas)
        assert "".join(delta.text for delta in [*deltas, last]) == last.completion.text
        self.demand_whole(last.completion)

    @pytest.mark.parametrize("n", [1, 2, 9])
    async def test_samples_are_as_many_as_were_asked_for(self, connector: Model, n: int) -> None:
        completions = await connector.sample(prompt(), n=n, context=CONTEXT)
        assert len(completions) == n
        for completion in completions:
            self.demand_whole(completion)

    async def test_the_usage_of_samples_adds_up(self, connector: Model) -> None:
        """The input is counted once for all or for each, the output as a whole: nothing is left out or doubled."""
        one = (await connector.generate(prompt(), context=CONTEXT)).usage
        usages = [each.usage for each in await connector.sample(prompt(), n=4, context=CONTEXT)]
        assert sum(usage.input_tokens for usage in usages) in (one.input_tokens, 4 * one.input_tokens)
        assert (sum(usage.output_tokens for usage in usages) > 0) == (one.output_tokens > 0)

    async def test_a_stream_may_be_left_early(self, connector: Model) -> None:
        stream = connector.stream(prompt(), context=CONTEXT)
        async for _ in stream:
            break
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
        self.demand_whole(await connector.generate(prompt(), context=CONTEXT))

    async def test_questions_may_be_of_any_script(self, connector: Model) -> None:
        asked = prompt("Wie groß ist 日本? 👩‍🚀", "日本の首都は東京です。 Größe: 377 975 km². 👩‍🚀")
        self.demand_whole(await connector.generate(asked, context=CONTEXT))

    async def test_calls_may_come_at_once(self, connector: Model) -> None:
        calls = [connector.generate(prompt(), context=CONTEXT) for _ in range(5)]
        for completion in await asyncio.gather(*calls):
            self.demand_whole(completion)
        for deltas in await asyncio.gather(*(self.streamed(connector) for _ in range(3))):
            assert deltas[-1].completion is not None

    async def test_a_deadline_that_has_passed_is_honoured(self, connector: Model) -> None:
        if not self.deadlines:
            pytest.skip("answers at once")
        late = Context().within(0)
        with pytest.raises(ModelTimeout):
            await connector.generate(prompt(), context=late)
        with pytest.raises(ModelTimeout):
            await connector.sample(prompt(), n=2, context=late)
        with pytest.raises(ModelTimeout):
            async for _ in connector.stream(prompt(), context=late):
                pass

    async def test_a_setting_that_it_lacks_is_refused_in_the_words_of_a_prompt_file(self, connector: Model) -> None:
        lacks = sorted(SETTINGS - connector.capabilities.settings)
        if not lacks:
            pytest.skip("obeys every setting")
        for name in lacks:
            asked = replace(prompt(), options=Options(**{name: SET[name]}))
            with pytest.raises(NotAllowed, match=SPELLED[name]):
                await connector.generate(asked, context=CONTEXT)
            with pytest.raises(NotAllowed, match=SPELLED[name]):
                await connector.sample(asked, n=2, context=CONTEXT)
            with pytest.raises(NotAllowed, match=SPELLED[name]):
                await self.streamed(connector, asked)

    async def test_a_setting_that_it_obeys_is_no_reason_to_fail(self, connector: Model) -> None:
        for name in sorted(connector.capabilities.settings):
            asked = replace(prompt(), options=Options(**{name: SET[name]}))
            self.demand_whole(await connector.generate(asked, context=CONTEXT))

    async def test_its_key_is_never_shown(self, connector: Model) -> None:
        if not self.secret:
            pytest.skip("has no key")
        await self.exercise(connector)
        assert self.secret not in f"{connector!r} {connector} {vars(connector)}"

    async def test_its_load_is_told_or_unknown_and_probing_it_raises_nothing(self, connector: Model) -> None:
        await connector.probe(context=CONTEXT)
        load = await connector.busy(context=CONTEXT)
        assert load is None or (load.running >= 0 and load.waiting >= 0 and load.memory >= 0)

    @pytest.mark.parametrize("streaming", [False, True])
    async def test_a_caller_who_goes_away_takes_the_connection_along(self, connector: Model, streaming: bool) -> None:
        await connector.load()
        server = self.silenced()
        if server is None:
            pytest.skip("has no server")
        asked = self.streamed(connector) if streaming else connector.generate(prompt(), context=CONTEXT)
        call = asyncio.ensure_future(asked)
        assert await asyncio.to_thread(server.asked.wait, LONGEST)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(server.left.wait, LONGEST)

    def demand_whole(self, completion: Completion) -> None:
        """Fails where a field is missing or makes no sense."""
        assert completion.text.strip()
        assert completion.model
        assert completion.finish_reason
        assert isinstance(completion.abstained, bool)
        usage = completion.usage
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert usage.output_tokens >= 0
        assert completion.cost >= 0
        assert completion.seconds >= 0
