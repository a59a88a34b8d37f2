"""The dialogue that improves a prompt: a model criticises it, asks, and rewrites it; a person answers and decides.

There is no terminal in here, so that a page can lead it as well as a command:

    dialogue = Dialogue(read_original(path), router, asking=load(improve), target=path)
    found = await dialogue.propose()
    dialogue.answer(found.questions[0], "Colleagues, on a phone.")
    found = await dialogue.propose()
    saved = dialogue.save(found.rewrite)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.errors import ModelError, PromptError
from ragstone.inference.router import Router
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import PromptFile
from ragstone.prompts.home import home
from ragstone.prompts.keeping import replace_file
from ragstone.prompts.rewriting import Original, Rewrite, rewritten
from ragstone.types import Completion, Context
from ragstone.validation.outputs import read_object

__all__ = ["IMPROVE", "Dialogue", "Round", "Saved"]

IMPROVE = "craft/improve"
"""The prompt that asks the model."""

WANTED = ("weaknesses", "questions", "prompt")
MOST = 3  # weaknesses, and questions, that are shown: a list of ten is read by nobody
TRIES = 2  # for an answer of the form that was asked for, and again for a rewrite that can be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a model says of a prompt: what is weak, what it wants to know, and how it would write it."""

    weaknesses: tuple[str, ...]
    questions: tuple[str, ...]
    rewrite: Rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was written, and where the earlier version is kept if git does not have it."""

    path: Path
    copy: Path | None
    parts: tuple[Path, ...]


class Dialogue:
    """Improves one prompt file with the models of a route. Nothing is written until `save`.

    `asking` is the prompt that the model gets, `target` the file that the rewrite goes to, and `name` its name if that
    is another one than the original's. `timeout` is for each answer, in seconds.
    """

    def __init__(
        self,
        original: Original,
        router: Router,
        *,
        asking: PromptFile,
        target: Path,
        name: str | None = None,
        purpose: str = "",
        timeout: float = 120.0,
    ) -> None:
        if asking.output is None or not set(WANTED) <= set(asking.output.schema["properties"]):
            expected = "outputs named " + ", ".join(WANTED)
            raise PromptError("does not ask for what is needed", where=str(asking.path), expected=expected)
        router.require_generative(asking.name)
        self.original, self.purpose = original, purpose
        self.completions: list[Completion] = []
        self._asking, self._output = asking, asking.output
        self._runner = PromptRunner(router, lambda _: asking, models=())
        self._target, self._name, self._timeout = target, name, timeout
        there = target.read_bytes() if target.exists() else None
        self._before = original.data if target == original.file.path else there
        self._words = original.words
        self._answers: list[str] = []
        self._wishes: list[str] = []

    @property
    def tokens(self) -> int:
        """Of all that was asked and said so far."""
        return sum(one.usage.input_tokens + one.usage.output_tokens for one in self.completions)

    @property
    def cost(self) -> float:
        """Of all answers so far, in USD."""
        return sum(one.cost for one in self.completions)

    def answer(self, question: str, answer: str) -> None:
        """What the person says to a question of the model; it is told with every later round."""
        self._answers.append(f"{question} {answer}")

    def wish(self, words: str) -> None:
        """What the person wants changed in the last rewrite."""
        self._wishes.append(words)

    async def propose(self) -> Round:
        """One round: the last rewrite that is whole, or the file itself, is criticised and written anew.

        A rewrite that cannot be used, or has lost a placeholder, is given back to the model once with its faults.
        Raises a ModelError when no model answers in the form that is needed.
        """
        found = await self._round({})
        for _ in range(1, TRIES):
            rewrite = found.rewrite
            if not (rewrite.faults or rewrite.lost):
                break
            faults = [one.message for one in rewrite.faults]
            again = await self._round({"attempt": rewrite.words, "faults": faults, "lost": list(rewrite.lost)})
            found = Round(weaknesses=found.weaknesses, questions=found.questions, rewrite=again.rewrite)
        if not (found.rewrite.faults or found.rewrite.lost):
            self._words = found.rewrite.words
        return found

    async def _round(self, more: dict[str, object]) -> Round:
        value = await self._asked({**self._inputs(), **more})
        rewrite = await asyncio.to_thread(
            rewritten, self.original, value["prompt"], target=self._target, name=self._name
        )
        return Round(
            weaknesses=_lines(value["weaknesses"]),
            questions=_lines(value["questions"]),
            rewrite=rewrite,
        )

    def _inputs(self) -> dict[str, object]:
        """What the model is told."""
        file = self.original.file
        given: dict[str, object] = {
            "prompt": self._words,
            "purpose": self.purpose or file.description,
            "placeholders": self.original.placeholders,
            "parts": "\n\n".join(f"{name}:\n{said}" for name, said in file.body.includes.items()),
            "abstain": file.abstain or "",
            "answers": self._answers,
            "wishes": self._wishes,
        }
        return given

    async def _asked(self, inputs: dict[str, object]) -> dict[str, Any]:
        declared = {one.name for one in self._asking.inputs}  # a project's own copy of the prompt may ask for less
        inputs = {name: value for name, value in inputs.items() if name in declared}
        fault = model = ""
        for _ in range(TRIES):
            context = Context(cache="off").within(self._timeout)
            completion = await self._runner.run(self._asking.name, inputs, context=context)
            self.completions.append(completion)
            model = completion.model
            if completion.finish_reason == "length":
                hint = f"Raise maxOutputTokens in {self._asking.path}."
                raise ModelError("the answer was cut off before its end", where=model, hint=hint)
            value, fault = read_object(completion.text, self._output)
            if value is not None and str(value["prompt"]).strip():
                return cast("dict[str, Any]", value)
            fault = fault or "it holds no prompt"
        raise ModelError(
            f"the answer has not the form that was asked for: {fault}", where=model, hint="Try another model."
        )

    def save(self, rewrite: Rewrite) -> Saved:
        """Writes a rewrite in one step, with what it needs and its folder lacks; the earlier version is kept.

        Raises PromptError for one that cannot be used, and UsageError where the file was changed meanwhile.
        """
        if rewrite.faults:
            first = rewrite.faults[0]
            raise PromptError(f"cannot be used: {first.message}", where=first.where)
        root = home(self._target)
        added: list[Path] = []
        for name, held in rewrite.parts.items():
            if not (root / name).exists():
                replace_file(root / name, held, before=None)
                added.append(root / name)
        data = self.original.encoded(rewrite.text)
        copy = replace_file(self._target, data, before=self._before)
        self._before = data
        return Saved(path=self._target, copy=copy, parts=tuple(added))


def _lines(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for one in found if (line := " ".join(one.split())))[:MOST]
