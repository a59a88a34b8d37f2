"""Asks a judge by its prompt file: a few questions side by side, each counted, and none answered from a cache."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from ragstone.errors import (
    ModelDenied,
    ModelError,
    NotConfigured,
    PromptError,
    RagstoneError,
    Ungraded,
    UsageError,
)
from ragstone.pipelines.prompt_tests import AT_ONCE, TIMEOUT, PromptTests
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import PromptFile
from ragstone.together import together
from ragstone.types import CachePolicy, Completion, Context
from ragstone.usage import Usage, summed

__all__ = ["AT_ONCE", "Asking", "Told", "beginning", "each"]

A = TypeVar("A")
R = TypeVar("R")

SHOWN = 80  # characters of a reply that an error tells
HOPELESS = 20  # questions that fail, and no answer yet: nothing will come
_OF_ONE = (Ungraded, ModelError, PromptError, UsageError)

Told: TypeAlias = Callable[[int, int], None]
"""Is told how many are done, and how many there will be."""


class Asking:
    """The judge's side of a conversation: what it is asked, and what that has taken so far.

    >>> asking = Asking.of(parts.prompt_tests(model="openai"), prompt="judge", needs=NEEDS, cache="off")
    >>> said = await asking.said({"question": "When?", "answer": "On 3 May.", "rubric": "It names the day."})
    >>> asking.calls, asking.cost
    (1, 0.0004)

    `inputs` are those of the prompt file. `name` is that of the judge's connector, and `models`
    are the models that have answered, as their servers name them. With `cache="use"` a reply may come from a cache,
    where the runner's models have one; then it costs nothing and is no new opinion.
    """

    def __init__(
        self,
        runner: PromptRunner,
        *,
        prompt: str,
        name: str,
        inputs: frozenset[str],
        cache: CachePolicy,
        at_once: int = AT_ONCE,
    ) -> None:
        self.runner, self.prompt, self.name, self.inputs = runner, prompt, name, inputs
        self.cache: CachePolicy = cache
        self.models: set[str] = set()
        self.calls, self.cost, self.usage = 0, 0.0, Usage()
        self._room = asyncio.Semaphore(at_once)

    @classmethod
    def of(cls, tests: PromptTests, *, prompt: str, needs: Sequence[str], cache: CachePolicy) -> Asking:
        """Of the model that `ragstone prompt test` would ask: the one that is named, or the route's first that writes.

        It reads the prompt file. Raises NotConfigured where no model writes, and UsageError for a prompt that does not
        take the inputs `needs`, or requires others than those that a judge is given.
        """
        if not tests.writes:
            raise NotConfigured(
                "a judge writes words of its own, and no model of the route does",
                where=f"prompt {prompt!r}",
                hint="Name one with --model, or under `route` in pipelines/answer.yaml.",
            )
        inputs = _inputs(tests.prompt_file(prompt), needs)
        return cls(tests.runner, prompt=prompt, name=tests.model, inputs=inputs, cache=cache)

    @property
    def tokens(self) -> int:
        """All that was sent and said."""
        return self.usage.input_tokens + self.usage.output_tokens

    async def said(self, inputs: Mapping[str, object]) -> str:
        """What the judge says. Raises what PromptRunner.run raises."""
        async with self._room:
            context = Context(cache=self.cache).within(TIMEOUT)
            completion = await self.runner.run(self.prompt, inputs, context=context)
        self._count(completion)
        return completion.text.strip()

    def _count(self, completion: Completion) -> None:
        self.models.add(completion.model)
        self.calls += completion.calls
        self.cost += completion.cost
        self.usage = summed((self.usage, completion.usage))

    def given(self, inputs: Mapping[str, object]) -> dict[str, object]:
        """Those of the inputs that say something, and that the prompt file takes."""
        return {name: value for name, value in inputs.items() if name in self.inputs and value}

    def known(self, expected: Sequence[str]) -> dict[str, object]:
        """The right answers as inputs: the first as the reference, the rest as others, or all on lines of their own."""
        if "others" in self.inputs:
            return {"reference": expected[0] if expected else "", "others": list(expected[1:])}
        return {"reference": "\n".join(expected)}


def _inputs(file: PromptFile, needs: Sequence[str]) -> frozenset[str]:
    """The names of a prompt file's inputs. Raises UsageError where it is no judge's."""
    taken = (*needs, "rubric", "reference", "others")
    given = {one.name for one in file.given}
    strange = [one.name for one in file.given if one.required and one.name not in taken]
    if strange or not given.issuperset(needs):
        raise UsageError(
            "the prompt is no judge's",
            where=f"prompt {file.name!r}",
            expected=f"the inputs {', '.join(needs)}, and none required beside {', '.join(taken[len(needs) :])}",
            found=f"the inputs {', '.join(sorted(given)) or 'none'}",
        )
    return frozenset(given)


def beginning(said: str) -> str:
    """The first words of what was said, on one line, as an error tells them."""
    words = "".join(one if one.isprintable() else " " for one in " ".join(said.split()))
    return repr(words if len(words) <= SHOWN else f"{words[:SHOWN]} …")


async def each(
    items: Sequence[A], ask: Callable[[A], Awaitable[R]], *, told: Told | None = None
) -> list[R | RagstoneError]:
    """What comes of each, in order: a result, or the error that took its place, while the others go on.

    Raises ModelDenied and NotConfigured at once, and the first error where nothing but errors comes: at the end, or
    after 20 of them.
    """
    found: list[R | RagstoneError | None] = [None] * len(items)
    jobs, done = iter(range(len(items))), 0

    async def work(places: Iterator[int]) -> None:
        nonlocal done
        for at in places:
            try:
                found[at] = await ask(items[at])
            except (ModelDenied, NotConfigured):
                raise
            except _OF_ONE as error:
                found[at] = error
                _hope(found)
            done += 1
            if told is not None:
                told(done, len(items))

    await together(work(jobs) for _ in range(AT_ONCE))
    failed = [one for one in found if isinstance(one, RagstoneError)]
    if failed and len(failed) == len(items):
        raise _all_failed(failed)
    return [one for one in found if one is not None]


def _hope(found: Sequence[object]) -> None:
    """Raises the first error where so many have come that no more is to be expected."""
    known = [one for one in found if one is not None]
    failed = [one for one in known if isinstance(one, RagstoneError)]
    if len(failed) == len(known) >= HOPELESS:
        raise _all_failed(failed)


def _all_failed(failed: Sequence[RagstoneError]) -> RagstoneError:
    """The error of a judge that has judged nothing: the first one's, with how many there were."""
    first = failed[0]
    if not isinstance(first, Ungraded):
        return first
    hint = "Look at what it is sent: ragstone prompt explain. Another model may judge better: --model NAME"
    count = f"none of {len(failed):,} was judged" if len(failed) > 1 else "it was not judged"
    return Ungraded(f"{count}: {first.message}", where=first.where, found=first.found, hint=hint)
