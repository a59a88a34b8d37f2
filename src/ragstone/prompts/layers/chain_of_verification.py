"""Chain of verification: the model asks after the facts of its draft, answers without seeing it, and then revises it.

    layers:
      chain_of_verification: {on: true, questions: 3}

Each question is answered in a call of its own, so that a mistake in the draft is not simply said again: the factored
form of Dhuliawala et al. 2023 (arXiv 2309.11495).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ragstone.errors import ModelError
from ragstone.output import Output
from ragstone.plan import Call
from ragstone.prompts.layers.asides import aside, room, written
from ragstone.prompts.layers.extending import ended
from ragstone.prompts.layers.listing import Listing, listing
from ragstone.prompts.layers.solving import AGAIN, Calls, Layer, Outcome, Solve, read_at_most
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.words import Words, words
from ragstone.together import together
from ragstone.types import Prompt

__all__ = ["ChainOfVerification", "Verification", "verification"]

LONGEST_ANSWER = 2_000  # characters of one to two sentences

NO_QUESTIONS = "The answer was not verified, since the model wrote no list of questions."
NOT_VERIFIED = "The answer was not verified: {error}"
NO_ANSWERS = "The answer was not verified, since none of {n} questions was answered."
SOME_ANSWERS = "Of {n} questions that verify the answer {answered} were answered."
NOTHING = "The answer was verified, and its revision said nothing, so the draft was taken."


class ChainOfVerification(Switch):
    """`questions` are asked at most: the model may find fewer facts."""

    questions: int = Field(default=3, ge=1, le=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Layer):
    """Verifies what lies inside it, in calls of its own."""

    name: ClassVar[str] = "chain_of_verification"

    spec: ChainOfVerification
    asks: Words
    questions: Listing
    check: Words
    pair: Words
    revise: Words

    @property
    def texts(self) -> tuple[Words, ...]:
        """What is said in its three steps."""
        return self.asks, *self.questions.texts, self.check, self.pair, self.revise

    @property
    def forms(self) -> tuple[Output, ...]:
        """That of the list of questions."""
        return (self.questions.output,)

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """A call for the questions, one for each of them, and one for the revision."""
        n, listed = self.spec.questions, room(longest) or 0
        draft = read_at_most(inner) + (longest or 0) + AGAIN  # what led to it, and itself
        pairs = listed + n * (written(longest) + self.pair.tokens)
        return (
            *inner,
            Call(layer=self.name, does="ask questions", more=draft + self.asks.tokens, made=room(longest)),
            Call(
                layer=self.name, does="answer one", usual=n, most=n, more=listed + self.check.tokens, made=room(longest)
            ),
            Call(layer=self.name, does="revise", more=draft + pairs + self.revise.tokens),
        )

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The revised answer, else the draft."""
        with calls.step("layer.chain_of_verification", questions=self.spec.questions) as step:
            draft = (await inner(prompt))[0]
            step.facts.update(asked=[], answered=0, revised=False)
            try:
                questions = await self._questions(draft, calls)
                if not questions:
                    return draft.noting(NO_QUESTIONS if questions is None else "")
                step.facts.update(asked=questions)
                answers = await together(self._answer(prompt, question, calls) for question in questions)
                pairs = [(one, said) for one, said in zip(questions, answers, strict=True) if said]
                step.facts.update(answered=len(pairs))
                n, answered = len(questions), len(pairs)
                if not pairs:
                    return draft.noting(NO_ANSWERS.format(n=n))
                revised = await self._revised(draft, pairs, calls)
            except ModelError as error:
                return draft.noting(NOT_VERIFIED.format(error=error))
            if not revised.text.strip():
                return draft.noting(NOTHING)
            step.facts.update(revised=revised.text != draft.text)
        return revised.noting(SOME_ANSWERS.format(n=n, answered=answered) if answered < n else "")

    async def _questions(self, draft: Outcome, calls: Calls) -> list[str] | None:
        """Those that the model writes, at most as many as may be asked; None where it writes something else."""
        if not draft.text.strip() or draft.completion.abstained or draft.prompt.abstains(draft.text):
            return []  # nothing is said, so there is nothing to verify
        said = self.asks.say({"n": self.spec.questions}, tokens=calls.tokens)
        prompt = aside(calls.turn(draft, said, other=self.questions.output), self.questions.output)
        (completion, *_) = await calls.ask(prompt)
        found = self.questions.read(completion.text)
        return None if found is None else found[: self.spec.questions]

    async def _answer(self, prompt: Prompt, question: str, calls: Calls) -> str:
        """What the model says to a question, with all in view but the draft; "" where it fails."""
        said = self.check.say({"question": question}, trust="tool", tokens=calls.tokens)
        try:
            (completion, *_) = await calls.ask(aside(ended(prompt, said, name="question to verify")))
        except ModelError:
            return ""
        return " ".join(completion.text.split())[:LONGEST_ANSWER]  # on one line, so that it poses as no further pair

    async def _revised(self, draft: Outcome, pairs: Sequence[tuple[str, str]], calls: Calls) -> Outcome:
        """The answer once more, with what the questions have brought to light in view."""
        checks = "\n\n".join(self.pair.say({"question": asked, "answer": said}).text for asked, said in pairs)
        said = self.revise.say({"checks": checks}, trust="tool", tokens=calls.tokens)
        return (await calls.answer(calls.turn(draft, said, name="verification")))[0]


def verification(spec: ChainOfVerification, root: Path) -> Verification:
    """The layer with its words. Raises PromptError for those of no use."""
    folder = Verification.name
    return Verification(
        spec=spec,
        asks=words(root, f"{folder}/questions.md", needs=["n"]),
        questions=listing(root, "questions", f"{folder}/list.md"),
        check=words(root, f"{folder}/check.md", needs=["question"]),
        pair=words(root, f"{folder}/pair.md", needs=["question", "answer"]),
        revise=words(root, f"{folder}/revise.md", needs=["checks"]),
    )
