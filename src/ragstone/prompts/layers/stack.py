"""The layers that one prompt file has switched on, each around the next."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ragstone.errors import PromptError
from ragstone.output import Output, read_json
from ragstone.plan import ANSWER, Call
from ragstone.prompts.layers.best_of import best
from ragstone.prompts.layers.chain_of_verification import verification
from ragstone.prompts.layers.cot import Reasoning, reasoning
from ragstone.prompts.layers.extending import ended, last_user, turned
from ragstone.prompts.layers.generated_knowledge import knowing
from ragstone.prompts.layers.least_to_most import dividing
from ragstone.prompts.layers.legality import PLACE, Setting, layer_faults
from ragstone.prompts.layers.react import Steps, steps
from ragstone.prompts.layers.reflect import reflection, self_criticism
from ragstone.prompts.layers.self_consistency import Votes
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.step_back import stepping
from ragstone.prompts.layers.tree_of_thoughts import tree_of_thoughts
from ragstone.prompts.layers.verifying import checks_of
from ragstone.prompts.layers.words import Said
from ragstone.prompts.outputs import PART, output_of
from ragstone.types import Completion, Message, Prompt

__all__ = ["NO_LAYERS", "Stack", "stacked"]

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

    def of(self, output: Output) -> Stack:
        """The same layers around an answer of another form. Raises PromptError where they cannot work with it."""
        if self.setting is None:
            return self
        return stacked(replace(self.setting, output=output, located=None), root=self.root)

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
        return {name: at for layer in self.layers if isinstance(layer, Steps) for name, at in layer.places.items()}

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


def stacked(setting: Setting, *, root: Path) -> Stack:
    """The layers of a prompt file. Raises PromptError; its `faults` hold every reason why they cannot work together."""
    found = tuple(layer_faults(setting))
    if found:
        found[0].faults = found
        raise found[0]
    spec = setting.layers
    cot = reasoning(spec.cot, root) if spec.cot is not None and spec.cot.on else None
    steps: Output | None = None
    if cot is not None and setting.output is not None:
        made = output_of(cot.schema(setting.output), name=setting.output.name, root=root)
        steps = replace(made, model=None)
    layers = tuple(_layers(setting, cot, root))
    said = [*((cot.asks, cot.names) if cot is not None else ()), *(words for layer in layers for words in layer.texts)]
    texts = {name: "" for words in said for name in words.body.includes}  # what these say stands in `text`
    texts |= {words.name: words.text for words in said}
    for layer in layers:
        texts |= {f"{layer.name} {layer.version}": ""}
        texts |= {PART: ""} | {f"{layer.name} {form.name}": form.words for form in layer.forms} if layer.forms else {}
    return Stack(cot=cot, steps=steps, layers=layers, texts=texts, setting=setting, root=root)


def _layers(setting: Setting, cot: Reasoning | None, root: Path) -> Iterator[Layer]:
    """From the inside out."""
    spec = setting.layers
    if spec.least_to_most is not None and spec.least_to_most.on:
        yield dividing(spec.least_to_most, root, cot=cot)
    if spec.tree_of_thoughts is not None and spec.tree_of_thoughts.on:
        yield tree_of_thoughts(spec.tree_of_thoughts, root)
    yield from _acting(setting, cot, root)
    if spec.best_of is not None and spec.best_of.on:
        yield best(spec.best_of, root, checks=checks_of(setting))
    if spec.generated_knowledge is not None and spec.generated_knowledge.on:
        yield knowing(spec.generated_knowledge, root, mark=setting.mark)
    if spec.step_back is not None and spec.step_back.on:
        yield stepping(root, mark=setting.mark)
    if spec.chain_of_verification is not None and spec.chain_of_verification.on:
        yield verification(spec.chain_of_verification, root)
    if spec.reflect is not None and spec.reflect.on:
        yield reflection(spec.reflect, root, checks=checks_of(setting))


def _acting(setting: Setting, cot: Reasoning | None, root: Path) -> Iterator[Layer]:
    """ReAct and votes: as in the paper, a vote is what ReAct falls back to, unless it shall vote over whole ways."""
    spec = setting.layers
    votes: Votes | None = None
    if spec.self_consistency is not None and spec.self_consistency.on:
        votes = Votes(spec=spec.self_consistency, vote=_vote(spec.self_consistency.vote, cot))
    acts = _acts(setting, root)
    inside = acts is not None and acts.spec.fallback != "direct"
    yield from filter(None, (votes, acts) if inside else (acts, votes))


def _acts(setting: Setting, root: Path) -> Steps | None:
    react, at = setting.layers.react, setting.located
    if react is None or not react.on:
        return None
    keys = ((*PLACE, "react", "tools", place) for place in range(len(react.tools)))
    places = {name: at.where(key) if at is not None else "" for name, key in zip(react.tools, keys, strict=True)}
    return steps(react, root, places, formed=setting.output is not None)


def _vote(name: str, cot: Reasoning | None):
    """What is compared of an outcome: a field of its object, or the answer that its chain of thought has marked."""

    def of(outcome: Outcome) -> object:
        if name:
            value, _, _ = read_json(outcome.text)
            return None if value is None else value.get(name)
        return outcome.text if cot is None or cot.marked(outcome.completion) else None

    return of
