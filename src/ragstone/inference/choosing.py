"""Which models of a route may answer a prompt, in which order, and why the others may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ragstone import settings
from ragstone.errors import ModelError, ModelResting, NotAllowed, NotConfigured, PromptTooLong
from ragstone.inference.health import Health
from ragstone.inference.strategies import Choice, Ordered, Strategy
from ragstone.protocols import Capabilities, Model
from ragstone.types import Context, Prompt

__all__ = ["Choices", "Passed", "Route"]


@dataclass(frozen=True, slots=True)
class Passed:
    """A model that is not asked, and why; `error` is what is raised where nobody is."""

    name: str
    why: str
    error: ModelError | NotConfigured | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """The models to ask, in order, and those that are passed over."""

    asked: tuple[Choice, ...]
    passed: tuple[Passed, ...]

    @property
    def failure(self) -> ModelError | NotConfigured | None:
        """What to raise where none is asked: what is nearest to a model that may."""
        errors = [one.error for one in self.passed if one.error is not None]
        errors.sort(key=lambda error: error.beyond if isinstance(error, PromptTooLong) else 0)
        kinds = (ModelResting, PromptTooLong, NotAllowed, NotConfigured)
        return next((error for kind in kinds for error in errors if isinstance(error, kind)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How models are chosen.

    `healths` are those of the models, by name. `local_only`: models of your own alone are asked, as they are with every
    prompt that is confidential. `restart`: an answer that breaks off begins anew elsewhere, also where its reader has
    got words of it.
    """

    strategy: Strategy = field(default_factory=Ordered)
    healths: Mapping[str, Health] = field(default_factory=dict[str, Health])
    local_only: bool = False
    restart: bool = False

    async def choose(
        self, models: Mapping[str, Model | NotConfigured], prompt: Prompt, *, quoting: str = "", context: Context
    ) -> Choices:
        """The models for a prompt. `quoting`: why one that only quotes may not answer, where it may not.

        Models that only quote stand behind those that write, but for a list that says otherwise.
        """
        able: dict[str, Model] = {}
        passed: list[Passed] = []
        private = self.local_only or prompt.confidential or context.confidential
        for name, model in models.items():
            found = self._unfit(name, model, prompt, quoting=quoting, private=private)
            if found is not None:
                passed.append(found)
            elif not isinstance(model, NotConfigured):
                able[name] = model
        if self.strategy.quotes:
            return Choices(tuple(await self.strategy.order(able, prompt, context=context)), tuple(passed))
        writing = {name: model for name, model in able.items() if model.capabilities.generative}
        asked: Sequence[Choice] = await self.strategy.order(writing, prompt, context=context) if writing else ()
        last = [Choice(name, "it only quotes, so it comes last") for name in able if name not in writing]
        return Choices((*asked, *last), tuple(passed))

    def _unfit(
        self, name: str, model: Model | NotConfigured, prompt: Prompt, *, quoting: str, private: bool
    ) -> Passed | None:
        """Why a model may not have a prompt; None where it may."""
        if isinstance(model, NotConfigured):
            return Passed(name, f"{name} is not configured ({model.message})", model)
        able, health = model.capabilities, self.healths.get(name)
        if quoting and not able.generative:
            return Passed(name, f"{name} only quotes, so {quoting}")
        error: ModelError | None = None
        if private and not able.local:
            hint = f"If {name} is your own, write local: true in its file."
            error = NotAllowed("it is none of your own, and this request may go nowhere else", where=name, hint=hint)
        else:
            error = settings.refusal(prompt, able.settings, where=name) or _too_long(name, able, prompt)
        if error is None and health is not None and not able.remembers:
            error = health.breaker.refusal
        return Passed(name, str(error), error) if error is not None else None


def _too_long(name: str, able: Capabilities, prompt: Prompt) -> PromptTooLong | None:
    """What is raised for a prompt that does not fit into a model's window, with its answer."""
    window, answer = able.context_window, prompt.options.max_tokens or 0
    beyond = prompt.tokens + answer - window if window is not None else 0
    if beyond <= 0:
        return None
    both = f"{prompt.tokens:,} tokens and {answer:,} of its answer" if answer else f"{prompt.tokens:,} tokens"
    return PromptTooLong(
        f"the prompt is {beyond:,} tokens too long for it",
        where=name,
        expected=f"at most {window:,}",
        found=both,
        hint="Ask for fewer passages (k), or set a budget in the prompt file.",
        beyond=beyond,
    )
