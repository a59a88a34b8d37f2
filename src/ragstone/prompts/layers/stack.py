"""The layers that one prompt file has switched on, each around the next."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ragstone.errors import PromptError
from ragstone.output import Output, read_json
from ragstone.plan import ANSWER, Call
from ragstone.prompts.layers.cot import Reasoning
from ragstone.prompts.layers.extending import ended, last_user, turned
from ragstone.prompts.layers.legality import Setting
from ragstone.prompts.layers.reflect import self_criticism
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.words import Said
from ragstone.types import Completion, Message, Prompt

__all__ = ["NO_LAYERS", "Stack"]

KEPT = 2000
"""How many characters of the steps to an answer its trace keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a prompt file's layers add to its words, the calls that they plan, and the way they go.

    `layers` stand from the inside out. `steps` is the form of an answer that begins with its steps.
    """

    cot: Reasoning | None = None
    steps: Output | None = None
    layers: tuple[Layer, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])  # all words, by the names of their files
    setting: Setting | None = None
    root: Path = Path()

    # ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def thinks(self, reasons: bool) -> bool:
        """Whether the steps are left to the model's own reasoning, where it `reasons`."""
        return self.cot is not None and self.cot.auto and reasons

    def dressed(self, messages: Sequence[Message], *, fields: bool, reasons: bool = False) -> list[Message]:
        """The messages with what the layers say in them: they end the last user message."""
        place = last_user(messages)
        if self.cot is None or self.thinks(reasons) or place is None:
            return list(messages)
        asked = Message("user", f"{messages[place].content}\n\n{self.cot.asked(fields=fields)}")
        return [*messages[:place], asked, *messages[place + 1 :]]

    def shown(self, rationale: str, output: str, *, fields: bool, reasons: bool = False) -> str:
        """The output of a solved example as a model would say it here."""
        if self.cot is None or self.thinks(reasons) or not rationale:
            return output
        return self.cot.example(rationale, output, fields=fields)

    def words(self, output: Output | None, *, reasons: bool = False) -> str:
        """Those that ask for the form of an answer, where no schema can."""
        asked = self.steps if self.steps is not None and not self.thinks(reasons) else output
        return asked.words if asked is not None else ""

    def warnings(self) -> tuple[PromptError, ...]:
        """What can be used as it stands, and is known to do harm."""
        return () if self.setting is None else tuple(self_criticism(self.setting))

    # ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def whole(self) -> bool:
        """Whether an answer is known only when all of it was said, so that nothing of it can be shown before."""
        return bool(self.layers) or self.cot is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the layers that are on, from the outside in."""
        return (*(layer.name for layer in reversed(self.layers)), *(("cot",) if self.cot is not None else ()))

    @property
    def tools(self) -> Mapping[str, str]:
        """The tools that a model may use on the way, each with its place in the file."""
        return {name: at for layer in self.layers for name, at in layer.tools.items()}

    @property
    def files(self) -> tuple[str, ...]:
        """The files below the folder of prompts whose words the layers add to a prompt while it is answered."""
        return tuple(dict.fromkeys(words.name for layer in self.layers for words in layer.texts))

    def plan(self) -> tuple[Call, ...]:
        """Every call that an answer may take."""
        calls: tuple[Call, ...] = (ANSWER,)
        for layer in self.layers:
            calls = layer.plan(calls, longest=self.setting.options.max_tokens if self.setting is not None else None)
        return calls

    @property
    def most(self) -> int:
        """How many calls an answer takes at most."""
        return sum(call.most for call in self.plan())

    async def run(self, prompt: Prompt, calls: Calls) -> Outcome:
        """The answer, by way of every layer. Raises a ModelError where not even one call could be answered."""
        solve: Solve = calls.answer
        for layer in self.layers:
            solve = partial(layer.solve, inner=solve, calls=calls)
        return (await solve(prompt))[0]

    async def answer(self, calls: Calls, prompt: Prompt, *, n: int = 1) -> Sequence[Outcome]:
        """What a model says to a prompt in the form of an answer, n times; its steps are taken off."""
        asked = prompt
        if self.steps is not None and prompt.output is not None and not prompt.reasons:
            asked = replace(prompt, output=self.steps)
        found = [Outcome(prompt=prompt, completion=self.read(prompt, each)) for each in await calls.ask(asked, n=n)]
        if self.cot is not None and not prompt.reasons:
            for outcome in found:
                steps = outcome.completion.reasoning
                with calls.step("layer.cot", steps=steps if len(steps) <= KEPT else f"{steps[:KEPT]} …"):
                    pass
        return found

    def read(self, prompt: Prompt, completion: Completion) -> Completion:
        """The answer without the steps that led to it."""
        return self.cot.read(prompt, completion) if self.cot is not None else completion

    def turn(
        self,
        outcome: Outcome,
        said: Said,
        *,
        tokens: Collection[str] = (),
        name: str = "",
        other: Output | None = None,
    ) -> Prompt:
        """The prompt after one more turn: the answer as the model gave it, and what it is told then.

        What it says next is an answer again, for which its steps are asked once more, or of an `other` form.
        """
        prompt, told = outcome.prompt, said
        if other is not None:
            prompt = replace(prompt, output=other)
        elif self.cot is not None and not prompt.reasons:
            asked = self.cot.asked(fields=prompt.output is not None)
            told = replace(said, text=f"{said.text}\n\n{asked}")
        spoken = self._spoken(outcome)
        if not spoken.strip():  # a message without words is refused by some servers
            return ended(prompt, told, name=name)
        return turned(prompt, spoken, told, tokens=tokens, name=name)

    def _spoken(self, outcome: Outcome) -> str:
        """An answer with its steps, as the model gave it."""
        steps, text = outcome.completion.reasoning, outcome.text
        if self.cot is None or outcome.prompt.reasons or not steps:
            return text
        if outcome.prompt.output is None:
            return self.cot.example(steps, text, fields=False)
        value, _, _ = read_json(text)
        return text if value is None else self.cot.example(steps, json.dumps(value, ensure_ascii=False), fields=True)

    def asked(self, prompt: Prompt) -> str:
        """The last user message, without the words that ask for the steps to an answer."""
        place = last_user(prompt.messages)
        said = "" if place is None else prompt.messages[place].content
        if self.cot is None or prompt.reasons:
            return said
        return said.removesuffix(self.cot.asked(fields=prompt.output is not None)).rstrip()


NO_LAYERS = Stack()
