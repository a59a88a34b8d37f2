"""Asks the models of a route, one after the other, until one answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

from ragstone.errors import (
    ModelBusy,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    NotConfigured,
    OutOfCalls,
    StreamBroken,
)
from ragstone.inference.choosing import Choices, Route
from ragstone.inference.strategies import Ordered
from ragstone.output import in_words
from ragstone.protocols import Capabilities, Model
from ragstone.samples import noted, numbered, some_of, used, whole
from ragstone.trace import Step
from ragstone.types import Attempt, Completion, Context, Delta, Prompt

__all__ = ["Router"]

NAME_ONE = "Name one under `route` in pipelines/answer.yaml."


class Router:
    """Several models behind one face. A model that is not configured is passed over with a notice.

    `models` maps names to models; in place of a model stands the NotConfigured that it raised. `route` says how they
    are chosen; without it they are asked in order. `sleep` waits so many seconds: a test gives its own.
    """

    def __init__(
        self,
        models: Mapping[str, Model | NotConfigured],
        *,
        route: Route | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._models = dict(models)
        self.route, self.sleep = route or Route(), sleep

    # ── What its models can do ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def models(self) -> dict[str, Model]:
        """Those that may be asked, by name, in the order of the list."""
        return {name: model for name, model in self._models.items() if isinstance(model, Model)}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models that may be asked, in order."""
        return tuple(self.models)

    @property
    def listed(self) -> tuple[str, ...]:
        """Of all its models, also those that are not configured, in order."""
        return tuple(self._models)

    @property
    def special_tokens(self) -> frozenset[str]:
        """Those of every model of the route, since any of them may answer."""
        return frozenset[str]().union(*(model.capabilities.special_tokens for model in self.models.values()))

    def require(self) -> None:
        """Raises NotConfigured when no model of the route is configured: known before anything is searched."""
        if not self.models:
            missing = [model for model in self._models.values() if isinstance(model, NotConfigured)]
            raise missing[0] if missing else NotConfigured("no model is set", hint=NAME_ONE)

    @property
    def first(self) -> Capabilities:
        """For which model prompts are built; what none can do where no model is configured.

        That is the first of a list. Where another strategy chooses once the prompt is known, it is the one with the
        smallest window of those that write, so that each of them can have it.
        """
        able = [model.capabilities for model in self.models.values()]
        if not isinstance(self.route.strategy, Ordered):
            able = [one for one in able if one.generative] or able
            able.sort(key=lambda one: float("inf") if one.context_window is None else one.context_window)
        return able[0] if able else Capabilities()

    @property
    def writes(self) -> bool:
        """Whether a configured model of the route writes words of its own."""
        return any(_writes(model) for model in self.models.values())

    @property
    def writing(self) -> Router:
        """The route without the models that only quote."""
        kept = {name: model for name, model in self._models.items() if not isinstance(model, Model) or _writes(model)}
        return Router(kept, route=self.route, sleep=self.sleep)

    def only(self, name: str) -> Router:
        """The route with one of its models, whatever its strategy."""
        return Router({name: self._models[name]}, route=replace(self.route, strategy=Ordered()), sleep=self.sleep)

    @property
    def quoting(self) -> Router | None:
        """The route of the models that only quote; None where there is none."""
        kept = {name: model for name, model in self.models.items() if not _writes(model)}
        return Router(kept, route=self.route, sleep=self.sleep) if kept else None

    def require_generative(self, prompt: str) -> None:
        """Raises NotConfigured when no model of the route writes words of its own, as an answer of a form needs."""
        if self.writes:
            return
        missing = [model for model in self._models.values() if isinstance(model, NotConfigured)]
        hint = missing[0].hint if missing else None
        raise NotConfigured(
            "its answer has a form (outputs), which needs a generative model, and none is set",
            where=f"prompt {prompt!r}",
            hint=hint or NAME_ONE,
        )

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def choose(self, prompt: Prompt, *, several: bool = False, context: Context) -> Choices:
        """Which models would be asked, in order, and why the others would not. Nothing is sent."""
        quoting = "it cannot answer several times" if several else ""
        quoting = quoting or ("it cannot give an answer of a form" if prompt.output is not None else "")
        return await self.route.choose(self._models, prompt, quoting=quoting, context=context)

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion in one piece, with every attempt and notice. Raises the last model's error."""

        async def once(model: Model, asked: Prompt) -> Sequence[Completion]:
            return [await model.generate(asked, context=context)]

        return (await self._answered(_Way(self, prompt, context), once))[0]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions of one model, whose usage adds up; the models that only quote are not asked.

        They come fewer where some calls failed, never none. Each carries every attempt and every notice, also of what
        is missing: whoever joins several says the same line once. Raises the last model's error when none answers.
        """

        async def several(model: Model, asked: Prompt) -> Sequence[Completion]:
            return await _sampled(model, asked, n, context)

        return await self._answered(_Way(self, prompt, context, samples=n), several)

    async def _answered(
        self, way: _Way, ask: Callable[[Model, Prompt], Awaitable[Sequence[Completion]]]
    ) -> Sequence[Completion]:
        while True:
            name, model = await way.next()
            asked = _worded(model, way.prompt)
            with way.trying(name) as turn:
                return turn.finished(await ask(model, asked), in_words=asked is not way.prompt)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece, from one model alone.

        Once a word has come, a failure is final (StreamBroken), unless the answer may begin anew: then a delta with
        `restart` goes before the first words of another model. The last delta carries the completion with every
        attempt, and with the notices joined to its own. Raises the last model's error when none answers.
        """
        way = _Way(self, prompt, context)
        while True:
            name, model = await way.next()
            asked = _worded(model, prompt)
            last: Delta | None = None
            ended = False
            with way.trying(name) as turn:
                async with aclosing(model.stream(asked, context=context)) as deltas:
                    async for delta in deltas:
                        if way.void and (delta.text or delta.completion is not None):
                            way.void = False
                            yield Delta("", restart=True)
                        turn.said = turn.said or bool(delta.text)
                        if delta.completion is None:
                            yield delta
                            continue
                        (completion,) = turn.finished([delta.completion], in_words=asked is not prompt)
                        predicted = model.capabilities.cached(prompt.stable_prefix_tokens)
                        turn.step.facts.update(predicted_cached=predicted)
                        last = replace(delta, completion=completion)
                ended = True
            if ended:  # the step is over: a reader who leaves with the last piece does not cut it short
                if last is not None:
                    yield last
                return


@dataclass(slots=True)
class _Turn:
    """One model's turn to answer."""

    name: str
    step: Step
    way: _Way
    begun: float = field(default_factory=time.perf_counter)
    said: bool = False  # whether the reader has got words of it already

    def finished(self, completions: Sequence[Completion], *, in_words: bool) -> list[Completion]:
        """What it answered, with the attempts and notices of the whole way there."""
        if not all(one.cached for one in completions):  # else nobody was asked
            self.way.attempted(self, None, completions[0].attempts)
        found = [noted(one, *self.way.notices, first=True) for one in completions]
        found = [replace(one, attempts=tuple(self.way.attempts)) for one in found]
        if in_words:
            found = [replace(one, structured="words") for one in found]
        self.step.facts.update(_facts(found), **({"given": len(found)} if self.way.samples else {}))
        return found


class _Way:
    """One question on its way along the models, until one answers."""

    def __init__(self, router: Router, prompt: Prompt, context: Context, *, samples: int = 0) -> None:
        _count(max(1, samples), context)
        self.router, self.prompt, self.context, self.samples = router, prompt, context, samples
        self.restart = router.route.restart or context.unread
        self.attempts: list[Attempt] = []
        self.notices: list[str] = []
        self.failure: ModelError | NotConfigured = NotConfigured("no model that writes is set", hint=NAME_ONE)
        self.void = False  # whether the reader has words that do not count
        self._listed = router.listed if isinstance(router.route.strategy, Ordered) else ()
        self._left: deque[str] | None = None  # None: nobody was chosen yet
        self._passed: list[tuple[int, str]] = []
        self._broken = False  # whether one broke off
        self._again: str | None = None  # that one, to be asked once more
        self._soonest: float | None = None  # seconds after which one that was asked, or would have been, may be again
        self._waited = False
        self._slept = 0.0  # seconds, before the next attempt

    async def next(self) -> tuple[str, Model]:
        """The next one to ask. Where there is none left, raises what the last one did.

        The one that broke off is asked once more, behind the others, where the answer may begin anew. Where nobody
        answers, and one has said when to come again, that is waited for, once, if it fits the deadline.
        """
        if self.context.remaining() == 0:
            if not self.attempts:
                raise ModelTimeout("the time for this call was over before a model was asked", again=False)
            self._give_up()
        left = await self._choose() if self._left is None else self._left
        if not left and self._again is not None:
            left.append(self._again)
            self._again = None
        if not left and (seconds := self._worth_waiting()) is not None:
            self._waited, self._slept = True, seconds
            await self.router.sleep(seconds)
            left = await self._choose()
        if not left:
            self._give_up()
        name = left.popleft()
        self._say(before=self._listed.index(name) if self._listed else 0)
        return name, self.router.models[name]

    async def _choose(self) -> deque[str]:
        choices = await self.router.choose(self.prompt, several=self.samples > 0, context=self.context)
        self.failure = choices.failure or self.failure
        self._soonest = None
        for passed in choices.passed:
            self._may_come_again(passed.error)
        self._passed = [(self._listed.index(one.name) if self._listed else -1, one.why) for one in choices.passed]
        self._left = deque(choice.name for choice in choices.asked)
        return self._left

    def _may_come_again(self, error: ModelError | NotConfigured | None) -> None:
        """Notes when the server of an error may be asked again. Who was shed, or is over a limit, does not wait."""
        if isinstance(error, ModelUnavailable) and not isinstance(error, ModelBusy) and error.retry_after is not None:
            self._soonest = min(error.retry_after, error.retry_after if self._soonest is None else self._soonest)

    def _worth_waiting(self) -> float | None:
        left = self.context.remaining()
        if self._waited or self._soonest is None or left is None or self._soonest >= left:
            return None
        return self._soonest

    def _say(self, *, before: int) -> None:
        """Notes who was passed over: of a list, those that stand before a place of it, since nobody asks the others."""
        self.notices += [why for place, why in self._passed if place < before]
        self._passed = [(place, why) for place, why in self._passed if place >= before]

    @contextmanager
    def trying(self, name: str) -> Generator[_Turn]:
        """One model's turn. Where it fails and may be followed, the block ends as if nothing were wrong."""
        turn: _Turn | None = None
        try:
            with self.context.trace.step("generate", model=name) as step:
                if self.samples:
                    step.facts.update(samples=self.samples)
                turn = _Turn(name, step, self)
                yield turn
        except ModelError as error:
            assert turn is not None, "only the block raises it"
            self.attempted(turn, str(error), error.attempts)
            error.attempts = tuple(self.attempts)
            if not error.elsewhere:
                raise
            if turn.said:
                self._broke_off(turn.name, error)
            self.notices.append(str(error))
            self.failure = error
            self._may_come_again(error)

    def _broke_off(self, name: str, error: ModelError) -> None:
        """A model failed whose words were read. Raises StreamBroken unless the answer may begin anew."""
        if not self.restart:
            raise _broken(error) from error
        self._again = name if error.again and not self._broken else None
        self._broken = self.void = True

    def _give_up(self) -> NoReturn:
        """Raises what the last model did. Where a reader is left with words that do not count, that is said."""
        if self.void and not self.context.unread and isinstance(self.failure, ModelError):
            raise _broken(self.failure) from self.failure
        raise self.failure

    def attempted(self, turn: _Turn, error: str | None, attempts: Sequence[Attempt]) -> None:
        """Notes how a turn ended: its tries, where the model has noted them itself."""
        seconds = time.perf_counter() - turn.begun
        made = [*attempts] or [Attempt(model=turn.name, error=error, seconds=seconds)]
        made[0] = replace(made[0], waited=made[0].waited + self._slept)
        self._slept = 0.0
        self.attempts += made
        if len(made) > 1 or made[0].waited:
            turn.step.facts["tries"] = [_fact(one) for one in made]


def _count(calls: int, context: Context) -> None:
    """Counts calls of a request. Raises OutOfCalls where it may have no more."""
    most = context.bounds.calls
    if most is not None and context.purse.calls + calls > most:
        hint = "Raise `calls` under `limits` in the pipeline's file."
        raise OutOfCalls(f"the request took all of its {most} calls of models", hint=hint)
    context.purse.calls += calls


def _broken(error: ModelError) -> StreamBroken:
    """The same, said to one who has got words already."""
    broken = StreamBroken(error.message, where=error.where, hint=error.hint, retry_after=error.retry_after)
    broken.attempts = error.attempts
    return broken


def _worded(model: Model, prompt: Prompt) -> Prompt:
    """The prompt as this model takes it: to one that takes no schema, the output's form is said in words."""
    return in_words(prompt) if model.capabilities.structured == "words" else prompt


def _writes(model: Model) -> bool:
    return model.capabilities.generative


async def _sampled(model: Model, prompt: Prompt, n: int, context: Context) -> Sequence[Completion]:
    if model.capabilities.samples:
        found = (await model.sample(prompt, n=n, context=context))[:n]  # one that gives more was not asked for them
        if not found:
            raise ModelUnavailable("it gave no answer", where=model.name or None)
        return found
    tried: list[Attempt] = []  # of all calls, those that failed too

    async def one(number: int) -> Completion:
        try:
            said = await whole(model.stream(numbered(prompt, number), context=context))
        except ModelError as error:
            tried.extend(error.attempts)
            raise
        tried.extend(said.attempts)
        return said

    try:
        found = await some_of(n, one)
    except ModelError as error:
        error.attempts = tuple(tried)
        raise
    return [replace(each, attempts=tuple(tried)) for each in found]


def _fact(attempt: Attempt) -> dict[str, object]:
    """A try, as a line of the trace."""
    error = {"error": attempt.error} if attempt.error else {}
    return {"seconds": round(attempt.seconds, 3), "waited": round(attempt.waited, 3), **error}


def _facts(completions: Sequence[Completion]) -> dict[str, object]:
    first, usage = completions[0], used(completions)
    return {
        **({"structured": first.structured} if first.structured else {}),
        "finish_reason": first.finish_reason,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "cost": sum(completion.cost for completion in completions),
        **({"cached": True} if first.cached else {}),
    }
