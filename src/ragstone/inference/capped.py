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

__all__ = ["LONGEST", "CappedModel"]

LONGEST = 1_000_000
"""Characters of an answer, where nobody says otherwise: a book."""

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
        length, pieces = 0, 0
        limit = prompt.options.max_tokens
        most = self.most if limit is None else int(limit * SLACK) + SPARE
        async with aclosing(self.model.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                text, room = delta.text, self.most - length
                length += max(1, len(text))  # reasoning comes in pieces without words
                pieces += bool(text)
                if delta.completion is not None:
                    yield replace(delta, text=text[: max(0, room)], completion=self._cut(delta.completion))
                    return
                if length > self.most or pieces > most:
                    at = f"{limit:,} tokens" if limit is not None and len(text) <= room else None
                    words = text[: max(0, room)] if at is None else ""
                    yield Delta(words, self._ended("".join([*said, words]), at))
                    return
                said.append(text)
                yield delta

    def _ended(self, text: str, at: str | None) -> Completion:
        """What was said of an answer that was left."""
        name = self.model.capabilities.model or self.model.name or "model"
        return noted(Completion(text=text, model=name, finish_reason="length"), self._said(at))

    def _cut(self, completion: Completion) -> Completion:
        if len(completion.reasoning) > self.most:
            completion = replace(completion, reasoning=completion.reasoning[: self.most])
        if len(completion.text) <= self.most:
            return completion
        whole = replace(completion, text=completion.text[: self.most], finish_reason="length")
        return noted(whole, self._said())

    def _said(self, at: str | None = None) -> str:
        where = at or f"{self.most:,} characters (`answer` under `limits` in the pipeline's file)"
        return f"{CUT_OFF} at {where}."
