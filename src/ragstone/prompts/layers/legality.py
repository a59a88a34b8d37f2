"""Which layers can be on together, and what each needs of its file. All of it is known when a file is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragstone.config import Located
from ragstone.errors import PromptError, nearest
from ragstone.output import Output
from ragstone.prompts.layers.cot import REASONING
from ragstone.prompts.layers.react import FINISH
from ragstone.prompts.layers.tree_of_thoughts import tree_faults
from ragstone.prompts.layers.verifying import verifying_faults
from ragstone.types import Mark, Options

if TYPE_CHECKING:
    from ragstone.prompts.schema import Layers

__all__ = ["ILLEGAL", "Setting", "layer_faults"]

PLACE = ("metadata", "ragstone", "layers")

TWO_WAYS = "each is a way of its own to the answer"
CHOOSES = "the tree draws and chooses by itself"

ILLEGAL: Mapping[tuple[str, str], str] = {
    ("self_consistency", "best_of"): "both choose among the same samples",
    ("least_to_most", "react"): TWO_WAYS,
    ("least_to_most", "tree_of_thoughts"): TWO_WAYS,
    ("react", "tree_of_thoughts"): TWO_WAYS,
    ("self_consistency", "tree_of_thoughts"): CHOOSES,
    ("best_of", "tree_of_thoughts"): CHOOSES,
    ("cot", "tree_of_thoughts"): "a tree writes down thoughts of its own",
    ("cot", "react"): "each step of react begins with a thought of its own",
}
"""Pairs of layers that cannot be on together, each with the reason."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

COMPARED = ("string", "integer", "number", "boolean", "array")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What of a prompt file its layers must fit. `where` gives the place of a key."""

    layers: Layers
    options: Options
    output: Output | None
    located: Located | None = None  # None for an output that a caller gives in place of the file's own
    mark: Mark = "none"
    rationales: tuple[str, ...] = field(default=())  # places of examples that show no steps
    passages: bool = False  # whether the prompt shows any

    @property
    def cites(self) -> bool:
        """Whether an answer has passages to cite: those of the prompt, or those that a tool finds."""
        return self.passages or "react" in self.layers.on()

    def fault(self, keys: tuple[str | int, ...], message: str, *, expected: str | None = None, hint: str | None = None):
        """A fault at a key below `layers`."""
        where = (
            self.located.where((*PLACE, *keys)) if self.located is not None else "layers." + ".".join(map(str, keys))
        )
        return PromptError(message, where=where, expected=expected, hint=hint)


def layer_faults(setting: Setting) -> Iterator[PromptError]:
    """Every reason why the layers of a file cannot work as they are set."""
    on = setting.layers.on()
    for (first, second), reason in ILLEGAL.items():
        if first in on and second in on:
            hint = f"Switch one of them off: `{second}: {{on: false}}`."
            yield setting.fault((second,), f"{first} and {second} cannot be on together: {reason}", hint=hint)
    yield from _cot(setting)
    yield from _samples(setting)
    yield from _votes(setting)
    yield from verifying_faults(setting)
    yield from tree_faults(setting)
    yield from _react(setting)


def _cot(setting: Setting) -> Iterator[PromptError]:
    cot = setting.layers.cot
    if cot is None or not cot.on:
        return
    if setting.output is not None and REASONING in setting.output.schema.get("properties", {}):
        hint = f"Switch cot off, which adds that field, or take {REASONING!r} out of the outputs."
        yield setting.fault(("cot",), f"the outputs have a field {REASONING!r} already, which cot adds", hint=hint)
    if cot.style == "exemplars" and "few_shot" not in setting.layers.on():
        hint = "Add few_shot: {file: …} with examples that have a `rationale`, or write `style: zero_shot`."
        yield setting.fault(
            ("cot", "style"), "`exemplars` shows the steps of few-shot examples, and there are none", hint=hint
        )
    for place in setting.rationales:
        hint = 'Add "rationale": "the steps …" to that row, or switch cot or few_shot off.'
        yield PromptError("an example without its steps teaches the model to leave them out", where=place, hint=hint)


def _samples(setting: Setting) -> Iterator[PromptError]:
    greedy = "the samples would all be alike"
    for name in (name for name in ("self_consistency", "best_of") if name in setting.layers.on()):
        if setting.options.temperature == 0:
            hint = "Set model.options.temperature to 0.7, or leave it to the server."
            yield setting.fault((name,), f"{name} needs a temperature above 0: {greedy}", hint=hint)
        if setting.options.top_k == 1:
            hint = "Take topK out of model.options."
            yield setting.fault((name,), f"{name} cannot choose with topK: 1: {greedy}", hint=hint)


def _votes(setting: Setting) -> Iterator[PromptError]:
    votes = setting.layers.self_consistency
    if votes is not None and votes.on:
        yield from _vote_field(setting, votes.vote)


def _react(setting: Setting) -> Iterator[PromptError]:
    react = setting.layers.react
    if react is None or not react.on:
        return
    if not react.tools:
        hint = "Write tools: [search, calculator]."
        yield setting.fault(("react",), "react without tools only thinks aloud", expected="a list of tools", hint=hint)
    for place, name in enumerate(react.tools):
        if name in react.tools[:place]:
            yield setting.fault(("react", "tools", place), f"the tool {name!r} stands here twice")
        elif name == FINISH or not NAME.fullmatch(name):
            reason = "which ends the steps" if name == FINISH else "which a model could not write without a mistake"
            expected = "letters, digits, - and _"
            yield setting.fault(
                ("react", "tools", place), f"no tool can be called {name!r}, {reason}", expected=expected
            )
    if react.fallback == "self_consistency" and "self_consistency" not in setting.layers.on():
        hint = "Switch self_consistency on, or take `fallback` away."
        yield setting.fault(("react", "fallback"), "there is no vote to fall back to", hint=hint)


def _vote_field(setting: Setting, vote: str) -> Iterator[PromptError]:
    cot = setting.layers.cot
    if setting.output is None:
        if vote:
            hint = "Declare it under outputs, or take `vote` away: with `cot: {on: true}` the marked answer votes."
            yield setting.fault(("self_consistency", "vote"), f"there is no output {vote!r} to vote on", hint=hint)
        elif cot is None or cot.on is not True:
            message = "free text cannot be voted on: no two answers would be equal"
            hint = "Declare outputs and name one as `vote`, or add `cot: {on: true}`, which marks the answer."
            yield setting.fault(("self_consistency",), message, hint=hint)
        return
    fields = setting.output.schema.get("properties", {})
    if vote not in fields:
        expected = "vote: one of " + ", ".join(fields)
        said = f"there is no output {vote!r} to vote on" if vote else "it is not said which output is voted on"
        place = ("self_consistency", "vote") if vote else ("self_consistency",)
        yield setting.fault(place, said, expected=expected, hint=nearest(vote, fields))
    elif _kind(fields[vote]) not in COMPARED and "enum" not in fields[vote]:
        yield setting.fault(
            ("self_consistency", "vote"),
            f"the output {vote!r} cannot be compared",
            expected="a text, a number, true or false, or a list of these",
            hint="Vote on a field of such a kind.",
        )


def _kind(schema: Mapping[str, object]) -> str:
    return str(schema.get("type", ""))
