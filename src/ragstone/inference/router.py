"""Chooses the model that answers: the first of an ordered list that is configured and can be reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from ragstone.errors import ModelError, NotConfigured
from ragstone.output import in_words
from ragstone.protocols import Capabilities, Model
from ragstone.types import Attempt, Completion, Context, Delta, Prompt

__all__ = ["Router"]


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
            raise missing[0]

    @property
    def first(self) -> Capabilities:
        """What the model can do that is asked first; what none can do where no model is configured."""
        able = (model.capabilities for model in self._models.values() if isinstance(model, Model))
        return next(able, Capabilities())

    def require_generative(self, prompt: str) -> None:
        """Raises NotConfigured when no model of the route writes words of its own, as an answer of a form needs."""
        usable = [model for model in self._models.values() if not isinstance(model, NotConfigured)]
        if any(model.capabilities.generative for model in usable):
            return
        missing = [model for model in self._models.values() if isinstance(model, NotConfigured)]
        hint = missing[0].hint if missing else None
        raise NotConfigured(
            "its answer has a form (outputs), which needs a generative model, and none is set",
            where=f"prompt {prompt!r}",
            hint=hint or "Name one under `route` in pipelines/answer.yaml.",
        )

    @property
    def writing(self) -> Router:
        """The models of the route that write words of their own, and those that are not configured."""
        return Router({name: model for name, model in self._models.items() if _writes(model)})

    @property
    def quoting(self) -> Router:
        """The models of the route that only quote."""
        return Router({name: model for name, model in self._models.items() if not _writes(model)})

    @property
    def usable(self) -> bool:
        """Whether any model of the route is configured."""
        return any(isinstance(model, Model) for model in self._models.values())

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> list[Completion]:
        """As many completions."""
        return await asyncio.gather(*(self._one(prompt, context) for _ in range(n)))

    async def _one(self, prompt: Prompt, context: Context) -> Completion:
        async with aclosing(self.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                if delta.completion is not None:
                    return delta.completion
        raise ModelError("a model ended without an answer")

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece, from one model alone: once a piece has come, a failure is final.

        The last delta carries the completion with every attempt, and with the notices joined to its own. Raises the
        last model's error when none answers.
        """
        attempts: list[Attempt] = []
        notices: list[str] = []
        failure: ModelError | NotConfigured | None = None
        for name, model in self._models.items():
            if isinstance(model, NotConfigured):
                notices.append(f"{name} is not configured ({model.message})")
                failure = failure or model
                continue
            if prompt.output is not None and not model.capabilities.generative:
                notices.append(f"{name} only quotes, so it cannot give an answer of a form")
                continue
            able = model.capabilities
            asked = prompt if able.structured else in_words(prompt)
            begun, said = time.perf_counter(), False
            try:
                with context.trace.step("generate", model=name) as step:
                    async with aclosing(model.stream(asked, context=context)) as deltas:
                        async for delta in deltas:
                            said = said or bool(delta.text)
                            if delta.completion is None:
                                yield delta
                                continue
                            attempts.append(Attempt(model=name, error=None, seconds=time.perf_counter() - begun))
                            completion = _finished(delta.completion, attempts, notices)
                            if asked is not prompt:
                                completion = replace(completion, structured="words")
                            step.facts.update(
                                _facts(completion), predicted_cached=able.cached(prompt.stable_prefix_tokens)
                            )
                            yield replace(delta, completion=completion)
                return
            except ModelError as error:
                attempts.append(Attempt(model=name, error=str(error), seconds=time.perf_counter() - begun))
                if said or not error.retryable:
                    raise
                notices.append(str(error))
                failure = error
        assert failure is not None, "a route names at least one model"
        raise failure


def _writes(model: Model | NotConfigured) -> bool:
    return isinstance(model, NotConfigured) or model.capabilities.generative


def _finished(completion: Completion, attempts: list[Attempt], notices: list[str]) -> Completion:
    words = [*notices, completion.notice] if completion.notice else notices
    return replace(completion, attempts=tuple(attempts), notice="\n".join(words) or None)


def _facts(completion: Completion) -> dict[str, object]:
    usage = completion.usage
    return {
        **({"structured": completion.structured} if completion.structured else {}),
        "finish_reason": completion.finish_reason,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "cost": completion.cost,
    }
