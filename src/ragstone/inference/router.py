"""Chooses the model that answers: the first of an ordered list that is configured and can be reached."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace

from ragstone.errors import ModelError, ModelUnavailable, NotConfigured
from ragstone.output import in_words
from ragstone.protocols import Capabilities, Model
from ragstone.samples import noted, numbered, some_of, used, whole
from ragstone.trace import Step
from ragstone.types import Attempt, Completion, Context, Delta, Prompt

__all__ = ["Router"]

NAME_ONE = "Name one under `route` in pipelines/answer.yaml."


class Router:
    """Ordered fallback. A model that is not configured is skipped with a notice, and is an error when it stands alone.

    `models` maps names to models, in order; in place of a model stands the NotConfigured that it raised.
    """

    def __init__(self, models: Mapping[str, Model | NotConfigured]) -> None:
        self._models = dict(models)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models that may be asked, in order."""
        return tuple(name for name, model in self._models.items() if isinstance(model, Model))

    @property
    def special_tokens(self) -> frozenset[str]:
        """Those of every model of the route, since any of them may answer."""
        models = (model for model in self._models.values() if not isinstance(model, NotConfigured))
        return frozenset[str]().union(*(model.capabilities.special_tokens for model in models))

    def require(self) -> None:
        """Raises NotConfigured when no model of the route is configured: known before anything is searched."""
        missing = [model for model in self._models.values() if isinstance(model, NotConfigured)]
        if len(missing) == len(self._models):
            raise missing[0] if missing else NotConfigured("no model is set", hint=NAME_ONE)

    @property
    def first(self) -> Capabilities:
        """What the model can do that is asked first; what none can do where no model is configured."""
        able = (model.capabilities for model in self._models.values() if isinstance(model, Model))
        return next(able, Capabilities())

    @property
    def writes(self) -> bool:
        """Whether a configured model of the route writes words of its own."""
        return any(isinstance(model, Model) and _writes(model) for model in self._models.values())

    @property
    def writing(self) -> Router:
        """The route without the models that only quote."""
        kept = {name: model for name, model in self._models.items() if not isinstance(model, Model) or _writes(model)}
        return Router(kept)

    @property
    def quoting(self) -> Router | None:
        """The route of the models that only quote; None where there is none."""
        kept = {name: model for name, model in self._models.items() if isinstance(model, Model) and not _writes(model)}
        return Router(kept) if kept else None

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

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece, from one model alone: once a piece has come, a failure is final.

        The last delta carries the completion with every attempt, and with the notices joined to its own. Raises the
        last model's error when none answers.
        """
        route = _Route(context)
        quoting = "it cannot give an answer of a form" if prompt.output is not None else ""
        for name, model in route.usable(self._models, quoting=quoting):
            able = model.capabilities
            asked = in_words(prompt) if able.structured == "words" else prompt
            last: Delta | None = None
            ended = False
            with route.trying(name) as turn:
                async with aclosing(model.stream(asked, context=context)) as deltas:
                    async for delta in deltas:
                        turn.said = turn.said or bool(delta.text)
                        if delta.completion is None:
                            yield delta
                            continue
                        (completion,) = turn.finished([delta.completion], in_words=asked is not prompt)
                        turn.step.facts.update(predicted_cached=able.cached(prompt.stable_prefix_tokens))
                        last = replace(delta, completion=completion)
                ended = True
            if ended:  # the step is over: a reader who leaves with the last piece does not cut it short
                if last is not None:
                    yield last
                return
        raise route.failure

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions of one model, whose usage adds up; the models that only quote are not asked.

        They come fewer where some calls failed, never none. Each carries every attempt and every notice, also of what
        is missing: whoever joins several says the same line once. Raises the last model's error when none answers.
        """
        route = _Route(context)
        for name, model in route.usable(self._models, quoting="it cannot answer several times"):
            able = model.capabilities
            asked = in_words(prompt) if able.structured == "words" else prompt
            with route.trying(name) as turn:
                turn.step.facts.update(samples=n)
                completions = turn.finished(await _sampled(model, asked, n, context), in_words=asked is not prompt)
                turn.step.facts.update(given=len(completions))
                return completions
        raise route.failure


@dataclass(slots=True)
class _Turn:
    """One model's turn to answer."""

    name: str
    step: Step
    route: _Route
    begun: float = field(default_factory=time.perf_counter)
    said: bool = False  # whether the reader has got words of it already

    def finished(self, completions: Sequence[Completion], *, in_words: bool) -> list[Completion]:
        """What it answered, with the attempts and notices of the whole way there."""
        self.route.attempted(self, None)
        found = [noted(one, *self.route.notices, first=True) for one in completions]
        found = [replace(one, attempts=tuple(self.route.attempts)) for one in found]
        if in_words:
            found = [replace(one, structured="words") for one in found]
        self.step.facts.update(_facts(found))
        return found


class _Route:
    """One question on its way along the models, until one answers."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.attempts: list[Attempt] = []
        self.notices: list[str] = []
        self.failure: ModelError | NotConfigured = NotConfigured("no model that writes is set", hint=NAME_ONE)
        self._known = False  # whether the failure above is one that was met

    def usable(self, models: Mapping[str, Model | NotConfigured], *, quoting: str) -> Iterator[tuple[str, Model]]:
        """The models to ask, in order, and a notice of each other one. `quoting`: why one that only quotes is none."""
        for name, model in models.items():
            if isinstance(model, NotConfigured):
                self.notices.append(f"{name} is not configured ({model.message})")
                if not self._known:
                    self.failure, self._known = model, True
            elif quoting and not model.capabilities.generative:
                self.notices.append(f"{name} only quotes, so {quoting}")
            else:
                yield name, model

    @contextmanager
    def trying(self, name: str) -> Generator[_Turn]:
        """One model's turn. Where it fails and may be followed, the block ends as if nothing were wrong."""
        turn: _Turn | None = None
        try:
            with self.context.trace.step("generate", model=name) as step:
                turn = _Turn(name, step, self)
                yield turn
        except ModelError as error:
            assert turn is not None, "only the block raises it"
            self.attempted(turn, str(error))
            if turn.said or not error.retryable:
                raise
            self.notices.append(str(error))
            self.failure, self._known = error, True

    def attempted(self, turn: _Turn, error: str | None) -> None:
        """Notes how a turn ended."""
        self.attempts.append(Attempt(model=turn.name, error=error, seconds=time.perf_counter() - turn.begun))


def _writes(model: Model) -> bool:
    return model.capabilities.generative


async def _sampled(model: Model, prompt: Prompt, n: int, context: Context) -> Sequence[Completion]:
    if model.capabilities.samples:
        found = (await model.sample(prompt, n=n, context=context))[:n]  # one that gives more was not asked for them
        if not found:
            raise ModelUnavailable("it gave no answer", where=model.name or None)
        return found
    return await some_of(n, lambda number: whole(model.stream(numbered(prompt, number), context=context)))


def _facts(completions: Sequence[Completion]) -> dict[str, object]:
    first, usage = completions[0], used(completions)
    return {
        **({"structured": first.structured} if first.structured else {}),
        "finish_reason": first.finish_reason,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "cost": sum(completion.cost for completion in completions),
    }
