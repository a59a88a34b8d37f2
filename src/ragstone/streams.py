"""An answer while it is said."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ragstone.errors import UsageError
from ragstone.types import Answer, Delta

__all__ = ["AnswerStream", "whole"]


class AnswerStream:
    """An answer while it is said. Iterate over its deltas; afterwards `answer` is the checked whole.

    stream = rag.stream("When does it ship?")
    async for delta in stream:
        print(delta.text, end="")
    print(stream.answer.citations)

    Where the route says `broken: restart`, a delta with `restart` may come: what was said before it is void, since the
    model broke off and another one begins anew. Elsewhere a stream that breaks off raises StreamBroken.
    """

    def __init__(self, parts: AsyncGenerator[Delta | Answer]) -> None:
        self._parts = parts
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises UsageError while it is still being said."""
        if self._answer is None:
            raise UsageError("the answer is not complete yet", hint="Iterate over the stream first.")
        return self._answer

    def __aiter__(self) -> AsyncGenerator[Delta]:
        return self._deltas()

    async def close(self) -> None:
        """Stops what is still being said; the model is told. After the last delta there is nothing to stop."""
        await self._parts.aclose()

    async def _deltas(self) -> AsyncGenerator[Delta]:
        async with aclosing(self._parts):
            async for part in self._parts:
                if isinstance(part, Answer):
                    self._answer = part
                else:
                    yield part


async def whole(parts: AsyncGenerator[Delta | Answer]) -> Answer:
    """The answer at the end, of which no piece is shown."""
    stream = AnswerStream(parts)
    async for _ in stream:
        pass
    return stream.answer
