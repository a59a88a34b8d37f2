"""Cuts off an answer that does not end.

    model = CappedModel(model, most=1_000_000)

A server may forget the limit that it was sent, and a model may say one word for ever: what nobody will read is neither
gathered nor paid for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from ragstone.protocols import Model
from ragstone.samples import CUT_OFF, noted
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.wrapped import WrappedModel

__all__ = ["LONGEST", "THOUGHTS", "CappedModel"]

LONGEST = 1_000_000
"""Characters of an answer, where nobody says otherwise: a book."""

THOUGHTS = LONGEST // 4
"""Pieces without words that are waited for: a model that reasons sends them, each about a token of four characters."""

SLACK, SPARE = 1.25, 16
"""How much longer than `max_tokens` a stream may be, in pieces: a server sends no token in two of them."""


class CappedModel(WrappedModel):
    """The model, each of whose answers has at most so many characters; of its reasoning as many are kept.

    A stream is left as soon as it has more, or far more pieces than the prompt allows tokens. The completion says so in
    a notice, and its `finish_reason` is `length`.
    """

    def __init__(self, model: Model, *, most: int = LONGEST) -> None:
        super().__init__(model)
        self.most = most

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The completion, cut off where it is longer."""
        return self._cut(await self.model.generate(prompt, context=context))

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The completions, each cut off where it is longer."""
        return [self._cut(one) for one in await self.model.sample(prompt, n=n, context=context)]

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece, as far as it may go."""
        said: list[str] = []
        length, thoughts = 0, 0
        limit = prompt.options.max_tokens
        most = self.most if limit is None else int(limit * SLACK) + SPARE
        async with aclosing(self.model.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                if delta.restart:
                    said.clear()
                    length = thoughts = 0
                if not delta.text and delta.completion is None:
                    thoughts += 1
                    if thoughts > THOUGHTS:
                        yield Delta("", self._ended("".join(said), f"{THOUGHTS:,} pieces of its reasoning"))
                        return
                    yield delta
                    continue
                text = delta.text[: self.most - length]
                length += len(delta.text)
                if delta.completion is not None:
                    whole = delta.completion
                    if length > self.most:  # what is kept is what was said, also where the model has tidied it up
                        whole = self._shortened(whole, "".join([*said, text]))
                    yield replace(delta, text=text, completion=self._cut(whole))
                    return
                if length > self.most:
                    yield Delta(text, self._ended("".join([*said, text])))
                    return
                if len(said) == most:
                    yield Delta("", self._ended("".join(said), f"{limit or most:,} tokens"))
                    return
                said.append(text)
                yield delta

    def _ended(self, text: str, at: str = "") -> Completion:
        """What was said of an answer that was left."""
        name = self.model.capabilities.model or self.model.name or "model"
        return self._shortened(Completion(text=text, model=name), text, at)

    def _cut(self, completion: Completion) -> Completion:
        if len(completion.reasoning) > self.most:
            completion = replace(completion, reasoning=completion.reasoning[: self.most])
        if len(completion.text) <= self.most:
            return completion
        return self._shortened(completion, completion.text[: self.most])

    def _shortened(self, completion: Completion, text: str, at: str = "") -> Completion:
        """The completion with as much of its text, and a notice of that."""
        where = at or f"{self.most:,} characters (`answer` under `limits` in the pipeline's file)"
        return noted(replace(completion, text=text, finish_reason="length"), f"{CUT_OFF} at {where}.")
