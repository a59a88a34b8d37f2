"""Answers a prompt by way of the layers of its file: one budget over all their calls, cancelled as one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from ragstone.errors import ModelError, NotConfigured, OutOfCalls
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.pipelines.checking import checked
from ragstone.pipelines.tools import NO_TOOLS, Tools
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.solving import Outcome
from ragstone.prompts.layers.stack import Stack
from ragstone.prompts.layers.words import Said
from ragstone.protocols import Observation
from ragstone.samples import AT_ONCE, CUT_OFF, noted, numbered, used
from ragstone.trace import Step
from ragstone.types import Attempt, Completion, Context, Delta, Hit, Message, Prompt, Verdict

__all__ = ["LayerCalls", "Runs", "layered"]


class Runs(Protocol):
    """Asks a model by another prompt file; its own layers rest."""

    async def plain(self, name: str, inputs: Mapping[str, object], *, context: Context) -> Completion:
        """The whole completion."""
        ...


async def layered(
    file: PromptFile,
    prompt: Prompt,
    *,
    router: Router,
    runs: Runs,
    tools: Tools = NO_TOOLS,
    confidential: Callable[[Sequence[Hit]], bool] = lambda _: False,
    context: Context,
) -> AsyncGenerator[Delta | Outcome]:
    """The answer as it is said, then the outcome, last.

    `confidential` says of what a tool has found whether from then on models of your own alone are asked.

    An answer that is known only at its end comes in one piece. Layers need a model that writes: where none can be had,
    and one that quotes can, that one answers without them, and a notice says so.
    """
    if not file.layers.whole or (prompt.reasons and not file.layers.layers):
        async with aclosing(_streamed(prompt, router, context)) as pieces:
            async for piece in pieces:
                yield piece
        return
    names = " and ".join(file.layers.names)
    outcome: Outcome | None = None
    calls: LayerCalls | None = None
    failure: ModelError | NotConfigured | None = None
    if router.writes:
        most = file.layers.most
        calls = LayerCalls(
            router.writing,
            runs,
            layers=file.layers,
            tools=tools,
            most=most,
            confidential=confidential,
            context=context,
        )
        try:
            outcome = calls.whole(await file.layers.run(prompt, calls))
        except ModelError as error:
            error.attempts = tuple(calls.attempts)
            if not error.retryable or router.quoting is None or prompt.output is not None:
                raise
            failure = error
    if outcome is not None:
        yield outcome  # what it may cite is only known now, so that nothing was said yet
        return
    why = f"{failure}. " if failure is not None else ""
    said = f"{why}{names} {'was' if ' and ' not in names else 'were'} not used, which takes a model that writes."
    async with aclosing(_streamed(prompt, (failure and router.quoting) or router, context)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Outcome):
                piece = (calls.after(piece) if calls is not None else piece).noting(said)
            yield piece


async def _streamed(prompt: Prompt, router: Router, context: Context) -> AsyncGenerator[Delta | Outcome]:
    async with aclosing(router.stream(prompt, context=context)) as deltas:
        async for delta in deltas:
            if delta.text or delta.restart:
                yield Delta(delta.text, restart=delta.restart)
            if delta.completion is not None:
                yield Outcome(prompt=prompt, completion=delta.completion)
                return
    raise ModelError("a model ended without an answer")


class LayerCalls:
    """Everything that the layers of one answer ask, counted and summed up; see `ragstone.prompts.layers.solving`."""

    def __init__(
        self,
        router: Router,
        runs: Runs,
        *,
        layers: Stack,
        tools: Tools = NO_TOOLS,
        most: int,
        confidential: Callable[[Sequence[Hit]], bool] = lambda _: False,
        context: Context,
    ) -> None:
        self._confidential = confidential
        self._router, self._runs, self._context = router, runs, context
        self._layers, self._tools = layers, tools
        self._most, self._made = most, 0
        self._asked = Counter[tuple[Message, ...]]()
        self._completions: list[Completion] = []
        self.attempts: list[Attempt] = []  # those that failed too, in the order in which they ended
        self._free = asyncio.Semaphore(AT_ONCE)
        self._begun = time.perf_counter()

    @property
    def left(self) -> int:
        """How many calls of a model may still be made: for the prompt file, and for the request as a whole."""
        own, most = self._most - self._made, self._context.bounds.calls
        return own if most is None else min(own, most - self._context.purse.calls)

    @property
    def tokens(self) -> frozenset[str]:
        """The special tokens of the models."""
        return self._router.special_tokens

    async def ask(self, prompt: Prompt, *, n: int = 1) -> Sequence[Completion]:
        """What a model says to a prompt, n times. Asked again, a prompt with a seed has the next one."""
        n = self._taken(n)
        before = self._asked[prompt.messages]
        self._asked[prompt.messages] += n
        async with self._free, self._noting():
            found = await self._router.sample(numbered(prompt, before), n=n, context=self._context)
        self._completions += found
        self.attempts += found[0].attempts  # they were made once for all
        return found

    async def answer(self, prompt: Prompt, *, n: int = 1) -> Sequence[Outcome]:
        """What a model says to a prompt in the form of an answer, n times."""
        return await self._layers.answer(self, prompt, n=n)

    def turn(self, outcome: Outcome, said: Said, *, name: str = "", other: Output | None = None) -> Prompt:
        """The prompt after one more turn."""
        return self._layers.turn(outcome, said, tokens=self.tokens, name=name, other=other)

    def asked(self, prompt: Prompt) -> str:
        """The last user message, without the words that ask for the steps to an answer."""
        return self._layers.asked(prompt)

    async def run(self, name: str, inputs: Mapping[str, object]) -> Completion:
        """What a model says to another prompt file."""
        self._taken(1)
        async with self._free, self._noting():
            completion = await self._runs.plain(name, inputs, context=self._context)
        self._completions.append(completion)
        self.attempts += completion.attempts
        return completion

    @asynccontextmanager
    async def _noting(self) -> AsyncGenerator[None]:
        """Keeps the attempts of a call that fails, since its layer may go on without it."""
        try:
            yield
        except ModelError as error:
            self.attempts += error.attempts
            raise

    def _taken(self, n: int) -> int:
        if self.left <= 0:
            raise OutOfCalls(f"the answer took all of its {max(self._made, self._context.purse.calls)} calls")
        n = min(n, self.left)
        self._made += n
        return n

    async def use(self, tool: str, given: str) -> Observation:
        """What a tool finds."""
        found = await self._tools.use(tool, given, context=self._context)
        if self._confidential(found.hits):
            self._context = replace(self._context, confidential=True)
        return found

    def describe(self, tool: str) -> str:
        """The line that says what a tool does."""
        return self._tools.descriptions.get(tool, "")

    async def check(self, name: str, outcome: Outcome) -> Verdict:
        """What a check says of an answer."""
        return await asyncio.to_thread(checked, name, outcome.prompt, outcome.completion)

    def step(self, name: str, **facts: Any) -> AbstractContextManager[Step]:
        """A step of the trace."""
        return self._context.trace.step(name, **facts)

    def after(self, outcome: Outcome) -> Outcome:
        """The outcome of a model that only quotes, which is no call of a plan, with all that was used before it."""
        self._completions.append(outcome.completion)
        self.attempts += outcome.completion.attempts
        return self.whole(outcome)

    def whole(self, outcome: Outcome) -> Outcome:
        """The outcome with all that its calls have used, and every attempt that was made."""
        found = self._completions
        completion = replace(
            outcome.completion,
            usage=used(found),
            cost=sum(each.cost for each in found),
            seconds=time.perf_counter() - self._begun,
            attempts=tuple(self.attempts),
            calls=self._made,
            cached=bool(found) and all(each.cached for each in found),
        )
        lines = [line for each in found for line in (each.notice or "").splitlines()]
        said = [line for line in lines if not line.startswith(CUT_OFF)]  # that of the answer is its own
        own = (completion.notice or "").splitlines()
        whole = noted(replace(completion, notice=None), *said, *own)
        prompt = replace(outcome.prompt, confidential=self._context.confidential or outcome.prompt.confidential)
        return replace(outcome, prompt=prompt, completion=whole)
