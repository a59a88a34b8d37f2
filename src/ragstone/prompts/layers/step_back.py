"""Step-back: a more general question is asked and answered first, and its answer is background for the task.

    layers:
      step_back: {on: true}

The general question is answered in view of the prompt's passages. Zheng et al. 2023 (arXiv 2310.06117).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ragstone.errors import ModelError
from ragstone.plan import Call
from ragstone.prompts import wire
from ragstone.prompts.layers.asides import aside, length, one_line, room, written
from ragstone.prompts.layers.background import backed, backing
from ragstone.prompts.layers.extending import ended, turned
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.words import Words, words
from ragstone.trace import Step
from ragstone.types import Mark, Prompt

__all__ = ["StepBack", "Stepping", "stepping"]

NONE = "step_back found no general question with an answer, so this was answered without that background."
FAILED = "step_back was not used, since a model failed: {error}"


class StepBack(Switch):
    """It has no settings of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepping(Layer):
    """Two calls before what lies inside it. `mark` is how its file marks what others wrote."""

    name: ClassVar[str] = "step_back"

    asks: Words  # for the general question
    answers: Words  # asks for its answer
    backs: Words  # puts both before the task
    mark: Mark = "none"

    @property
    def texts(self) -> tuple[Words, ...]:
        """The words of all three steps."""
        return self.asks, self.answers, self.backs

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """The general question, its answer, and what lies inside."""
        asked, made, said = length(self.asks.text), room(longest), written(longest)
        more = backing(self.backs, tokens=2 * said, mark=self.mark)
        return (
            Call(layer=self.name, does="ask the general question", more=asked, made=made),
            Call(layer=self.name, does="answer it", more=asked + said + length(self.answers.text), made=made),
            *(call if call.alone else replace(call, more=call.more + more) for call in inner),
        )

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The task with that background; without it, where there is none."""
        lost, found = NONE, ""
        with calls.step("layer.step_back") as step:
            try:
                found = await self._found(prompt, calls, step)
            except ModelError as error:
                lost = FAILED.format(error=error)
            step.facts["used"] = bool(found)
        if not found:
            return (await inner(prompt))[0].noting(lost)
        return (await inner(backed(prompt, found, says=self.backs, name=self.name, tokens=calls.tokens)))[0]

    async def _found(self, prompt: Prompt, calls: Calls, step: Step) -> str:
        """The general question and its answer; nothing where either of them makes no sense."""
        if calls.left < 3:  # the last one is kept for the task
            return ""
        asked = aside(ended(prompt, self.asks.say()))
        question = one_line(wire.mend((await calls.ask(asked))[0].text, prompt.slots))
        step.facts["question"] = question
        if not question:
            return ""
        completion = (await calls.ask(turned(asked, question, self.answers.say(), tokens=calls.tokens)))[0]
        answer = completion.text.strip()
        told = any(map(str.isalnum, answer)) and not completion.abstained
        return f"{question}\n\n{answer}" if told else ""


def stepping(root: Path, *, mark: Mark) -> Stepping:
    """The layer in its words. Raises PromptError where these cannot be used."""
    return Stepping(
        asks=words(root, "step_back/question.md"),
        answers=words(root, "step_back/answer.md"),
        backs=words(root, "step_back/background.md", takes=["fenced"], needs=["background"]),
        mark=mark,
    )
