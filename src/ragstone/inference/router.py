"""Chooses the model that answers: the first of an ordered list that is configured and can be reached."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from ragstone.errors import ModelError, NotConfigured
from ragstone.protocols import Capabilities, Model
from ragstone.types import Attempt, Completion, Context, Delta, Prompt

__all__ = ["Router"]


class Router:
    """Ordered fallback. A model that is not configured is skipped with a notice, and is an error when it stands alone.

    `models` maps names to models, in order; in place of a model stands the NotConfigured that it raised.
    """

    def __init__(self, models: Mapping[str, Model | NotConfigured]) -> None:
        self._models = dict(models)

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
            begun, said = time.perf_counter(), False
            try:
                with context.trace.step("generate", model=name) as step:
                    async with aclosing(model.stream(prompt, context=context)) as deltas:
                        async for delta in deltas:
                            said = said or bool(delta.text)
                            if delta.completion is None:
                                yield delta
                                continue
                            attempts.append(Attempt(model=name, error=None, seconds=time.perf_counter() - begun))
                            completion = _finished(delta.completion, attempts, notices)
                            step.facts.update(_facts(completion))
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


def _finished(completion: Completion, attempts: list[Attempt], notices: list[str]) -> Completion:
    words = [*notices, completion.notice] if completion.notice else notices
    return replace(completion, attempts=tuple(attempts), notice="\n".join(words) or None)


def _facts(completion: Completion) -> dict[str, object]:
    usage = completion.usage
    return {
        "finish_reason": completion.finish_reason,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": completion.cost,
    }
