"""Several completions of one prompt, asked for side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from ragstone.errors import ModelError, UsageError
from ragstone.together import together
from ragstone.types import Completion, Delta, Prompt
from ragstone.usage import Taken, Usage, summed

__all__ = [
    "AT_ONCE",
    "CUT_OFF",
    "all_of",
    "noted",
    "numbered",
    "numbers",
    "some_of",
    "used",
    "whole",
]

T = TypeVar("T")

AT_ONCE = 8
"""How many calls of one answer are under way at the same time."""

CUT_OFF = "The answer was cut off"
"""How a notice begins that is true of one completion alone, and of no other that is made with its help."""


def numbered(prompt: Prompt, number: int) -> Prompt:
    """The prompt of a later sample: its seed is as much higher, or all samples would be the same.

    >>> numbered(prompt, 2).options.seed - prompt.options.seed
    2
    """
    if number == 0:
        return prompt
    seed, options = prompt.options.seed, prompt.options
    shifted = options if seed is None else replace(options, seed=seed + number)
    return replace(prompt, options=shifted, sample=prompt.sample + number)


def numbers(n: int) -> range:
    """Those of n samples, from 0. Raises UsageError for less than one."""
    if n < 1:
        raise UsageError("the number of samples is out of range", expected="1 or more", found=str(n))
    return range(n)


async def all_of(n: int, ask: Callable[[int], Awaitable[Completion]]) -> list[Completion]:
    """What n calls say, in order, at most AT_ONCE at a time. The first failure ends them all, and is raised."""
    return await _gathered(numbers(n), ask)


async def some_of(
    n: int, ask: Callable[[int], Awaitable[Completion]], *, had: Sequence[Completion | ModelError] = ()
) -> list[Completion]:
    """What those of n calls say that succeed, in order; each says in its notice how many are lost.

    The first of them are `had` already. Raises the first ModelError where nothing is said at all, and any other error
    at once.
    """

    async def tried(number: int) -> Completion | ModelError:
        try:
            return await ask(number)
        except ModelError as error:
            return error

    outcomes = [*had, *await _gathered(numbers(n)[len(had) :], tried)]
    said = [outcome for outcome in outcomes if isinstance(outcome, Completion)]
    lost = [outcome for outcome in outcomes if not isinstance(outcome, Completion)]
    if not lost:
        return said
    if not said:
        if took := [error.usage for error in lost if error.usage is not None]:
            lost[0].taking(summed(took))
        raise lost[0]
    missing = f"{len(lost)} of {n} samples are missing: {lost[0]}"
    return [noted(completion, missing, first=True) for completion in said]


async def whole(deltas: AsyncGenerator[Delta]) -> Completion:
    """The completion at the end of a stream, of which no piece is shown. A server that streams is never silent long."""
    async with aclosing(deltas) as pieces:
        async for delta in pieces:
            if delta.completion is not None:
                return delta.completion
    raise AssertionError("the last delta carries the completion")


def used(completions: Iterable[Taken]) -> Usage:
    """The tokens of all of them."""
    return summed(completion.usage for completion in completions)


def noted(completion: Completion, *lines: str, first: bool = False) -> Completion:
    """The same with these lines behind those of its notice, or `first`; none stands there twice."""
    own = (completion.notice or "").splitlines()
    words = [*lines, *own] if first else [*own, *lines]
    return replace(completion, notice="\n".join(dict.fromkeys(filter(None, words))) or None)


async def _gathered(asked_for: range, ask: Callable[[int], Awaitable[T]]) -> list[T]:
    free = asyncio.Semaphore(AT_ONCE)

    async def asked(number: int) -> T:
        async with free:
            return await ask(number)

    return await together(asked(number) for number in asked_for)
