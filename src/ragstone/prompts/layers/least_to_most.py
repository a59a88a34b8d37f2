"""Least-to-most: the task is divided into simpler questions, and each is answered in view of the answers before it.

    layers:
      least_to_most: {on: true, max_steps: 5}

The last call does the task itself, in the form that its prompt file asks for. Zhou et al. 2022 (arXiv 2205.10625).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ragstone.errors import ModelError
from ragstone.output import Output
from ragstone.plan import Call
from ragstone.prompts import wire
from ragstone.prompts.layers.asides import aside, length, room, written
from ragstone.prompts.layers.cot import Reasoning
from ragstone.prompts.layers.extending import ended, turned
from ragstone.prompts.layers.listing import Listing, listing
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.words import Said, Words, words
from ragstone.trace import Step
from ragstone.types import Prompt

__all__ = ["Dividing", "LeastToMost", "dividing"]

USUAL = 3  # questions that most tasks are divided into

WHOLE = "least_to_most found no two simpler questions, so this was answered at once."
FAILED = "least_to_most was not used, since a model failed: {error}"
CUT = "least_to_most divided this into {found} questions: the first {most}, its max_steps, were answered."
LOST = "least_to_most answered {had} of {all} simpler questions, since {why}."
BLANK = "the model said nothing to the next one"
SCARCE = "no more calls may be made"


class LeastToMost(Switch):
    """`max_steps` is how many simpler questions are answered at most, before the task itself."""

    max_steps: int = Field(default=5, ge=2, le=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividing(Layer):
    """Divides the task, and has what lies inside it answer each question. `cot` is how these answers show steps."""

    name: ClassVar[str] = "least_to_most"

    spec: LeastToMost
    divides: Words
    asks: Words  # one of the questions
    ends: Words  # asks for the task itself
    questions: Listing
    cot: Reasoning | None = None

    @property
    def texts(self) -> tuple[Words, ...]:
        """The words of all three steps."""
        return self.divides, self.asks, self.ends

    @property
    def forms(self) -> tuple[Output, ...]:
        """A list of questions."""
        return (self.questions.output,)

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """The list, its questions, and the task itself."""
        most, made, said = self.spec.max_steps, room(longest), written(longest)
        asked = said + most * length(self.asks.text)  # the list itself is said once more, question by question
        divided = length(self.divides.text, forms=self.forms)
        return (
            Call(layer=self.name, does="divide the task", more=divided, made=made),
            *(
                replace(
                    call,
                    layer=call.layer or self.name,
                    does=call.does if call.layer else "answer a simpler question",
                    usual=call.usual * min(USUAL, most),
                    most=call.most * most,
                    more=call.more + asked + (most - 1) * said,
                    made=made,
                )
                for call in inner
            ),
            *(replace(call, more=call.more + asked + most * said + length(self.ends.text)) for call in inner),
        )

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The task after its simpler questions; at once, where there are none."""
        with calls.step("layer.least_to_most", max_steps=self.spec.max_steps) as step:
            talk, notes = prompt, list[str]()
            try:
                questions = await self._divided(prompt, calls)
            except ModelError as error:
                questions, notes = [], [FAILED.format(error=error)]
            step.facts["questions"] = questions
            if len(questions) > 1:
                talk, notes = await self._answered(prompt, questions, inner, calls, step)
            return (await inner(talk))[0].noting(*(notes if notes or len(questions) > 1 else [WHOLE]))

    async def _divided(self, prompt: Prompt, calls: Calls) -> list[str]:
        if calls.left < 2:  # the last one is kept for the task
            return []
        said = self.divides.say({"count": self.spec.max_steps})
        (completion, *_) = await calls.ask(aside(ended(prompt, said), self.questions.output))
        return [wire.mend(question, prompt.slots) for question in self.questions.read(completion.text) or ()]

    async def _answered(
        self, prompt: Prompt, questions: Sequence[str], inner: Solve, calls: Calls, step: Step
    ) -> tuple[Prompt, list[str]]:
        """The prompt after as many turns as could be had, and what must be said of them."""
        most = self.spec.max_steps
        notes = [CUT.format(found=len(questions), most=most)] if len(questions) > most else []
        asked, answers = questions[:most], list[str]()
        talk, why = prompt, ""
        for question in asked:
            if calls.left < 2:
                why = SCARCE
                break
            said = self._said(question, prompt, calls, first=not answers)
            further = self._turned(talk, answers, said, calls, name=self.name)
            try:
                outcome = (await inner(replace(aside(further), reasons=prompt.reasons)))[0]
            except ModelError as error:
                why = f"a model failed: {error}".rstrip(".")
                break
            if not (shown := self._shown(outcome, prompt)).strip():
                why = BLANK
                break
            talk, answers = further, [*answers, shown]
        step.facts["answered"] = len(answers)
        if why:
            notes.append(LOST.format(had=len(answers), all=len(asked), why=why))
        return (self._turned(talk, answers, self.ends.say(), calls) if answers else prompt), notes

    def _said(self, question: str, prompt: Prompt, calls: Calls, *, first: bool) -> Said:
        values = {"question": question, "first": first, "fields": prompt.output is not None}
        return self.asks.say(values, trust="tool", tokens=calls.tokens)

    @staticmethod
    def _turned(talk: Prompt, answers: Sequence[str], said: Said, calls: Calls, *, name: str = "") -> Prompt:
        """One turn more: the first words end the prompt's own last message, the others follow an answer."""
        if not answers:
            return ended(talk, said, name=name)
        return turned(talk, answers[-1], said, tokens=calls.tokens, name=name)

    def _shown(self, outcome: Outcome, prompt: Prompt) -> str:
        """The answer to a question as the model said it, so that it says the next ones in the same way."""
        said, steps = (wire.mend(text, prompt.slots) for text in (outcome.text, outcome.completion.reasoning))
        if self.cot is None or prompt.reasons or prompt.output is not None or not steps:
            return said
        return self.cot.example(steps, said, fields=False)


def dividing(spec: LeastToMost, root: Path, *, cot: Reasoning | None) -> Dividing:
    """The layer in its words. Raises PromptError where these cannot be used."""
    return Dividing(
        spec=spec,
        divides=words(root, "least_to_most/divide.md", takes=["count"]),
        asks=words(root, "least_to_most/question.md", takes=["first", "fields"], needs=["question"]),
        ends=words(root, "least_to_most/task.md"),
        questions=listing(root, "questions"),
        cot=cot,
    )
