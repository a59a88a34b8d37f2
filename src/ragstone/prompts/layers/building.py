"""Builds the stack of a prompt file's layers from what its front matter says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ragstone.output import Output, read_json
from ragstone.prompts.layers.best_of import best
from ragstone.prompts.layers.chain_of_verification import verification
from ragstone.prompts.layers.cot import Reasoning, reasoning
from ragstone.prompts.layers.generated_knowledge import knowing
from ragstone.prompts.layers.least_to_most import dividing
from ragstone.prompts.layers.legality import PLACE, Setting, layer_faults
from ragstone.prompts.layers.react import Steps, steps
from ragstone.prompts.layers.reflect import reflection
from ragstone.prompts.layers.self_consistency import Votes
from ragstone.prompts.layers.solving import Layer, Outcome
from ragstone.prompts.layers.stack import Stack
from ragstone.prompts.layers.step_back import stepping
from ragstone.prompts.layers.tree_of_thoughts import tree_of_thoughts
from ragstone.prompts.layers.verifying import checks_of
from ragstone.prompts.outputs import PART, output_of

__all__ = ["restacked", "stacked"]


def restacked(stack: Stack, output: Output) -> Stack:
    """The same layers around an answer of another form. Raises PromptError where they cannot work with it."""
    if stack.setting is None:
        return stack
    return stacked(replace(stack.setting, output=output, located=None), root=stack.root)


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
