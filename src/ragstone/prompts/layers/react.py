"""ReAct: the model thinks, uses a tool, reads what it has found, and so on until it finishes.

    layers:
      react: {on: true, tools: [search, calculator], max_steps: 6}

Each step is one turn added to the prompt. Yao et al. 2022 (arXiv 2210.03629). Where the steps are used up, the question
is answered from what was observed: by a vote where `self_consistency` is on, as in the paper, else by one call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ragstone.config import template
from ragstone.errors import ModelRejected, ToolFailed, nearest
from ragstone.output import Output, first_json, read_json
from ragstone.plan import Call
from ragstone.prompts.layers.asides import aside, room
from ragstone.prompts.layers.extending import ended, turned
from ragstone.prompts.layers.observing import Observed
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.switch import Switch, as_list
from ragstone.prompts.layers.words import FOLDER, Words, words
from ragstone.prompts.outputs import output_of
from ragstone.prompts.wire import mend
from ragstone.types import Completion, Prompt, Slot

__all__ = ["FINISH", "ReAct", "Steps", "steps"]

FINISH = "finish"
"""The action that ends the steps; no tool can have its name."""

OBSERVED = 4_000  # tokens of one observation, at most, with the step before it: 12,000 characters
RAW = 600  # characters of a reply that was no step
LONGEST_THOUGHT, LONGEST_INPUT, LONGEST_NAME = 2_000, 2_000, 100  # characters of a step
EMPTY = "{}"  # in place of a reply without words, which servers refuse

USED_UP = "ReAct found no answer in {steps} steps: it was answered from what was observed."
REFUSED = "A model refused step {step} of ReAct ({error}): it was answered from what was observed before."


class ReAct(Switch):
    """`fallback` is what answers where the steps are used up; None for the vote if there is one."""

    tools: Annotated[tuple[str, ...], BeforeValidator(as_list), Field(strict=False)] = ()
    max_steps: int = Field(default=6, ge=1, le=50)
    fallback: Literal["direct", "self_consistency"] | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One step as it was read; `fault` says why it is none."""

    thought: str = ""
    action: str = ""
    given: str = ""
    fault: str = ""

    def said(self, completion: Completion) -> str:
        """What stands in its turn."""
        if self.fault:
            return completion.text.strip()[:RAW] or EMPTY
        return json.dumps({"thought": self.thought, "action": self.action, "input": self.given}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """The way so far: the prompt with all turns, what was done, and what was thought."""

    prompt: Prompt
    done: frozenset[tuple[str, str]] = frozenset()
    thoughts: tuple[str, ...] = ()

    def reasoned(self, completion: Completion, *more: str) -> Completion:
        """The completion with the thoughts that led to it."""
        return replace(completion, reasoning="\n".join(filter(None, (*self.thoughts, *more, completion.reasoning))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Layer):
    """Acts step by step. `words` are its own by their step, `named` those of the tools that have some."""

    name: ClassVar[str] = "react"

    spec: ReAct
    words: Mapping[str, Words]
    named: Mapping[str, Words]
    form: Output
    formed: bool = False  # whether the file has outputs
    places: Mapping[str, str]  # where the file names each tool

    @property
    def texts(self) -> tuple[Words, ...]:
        """All the words that it says to a model."""
        return (*self.words.values(), *self.named.values())

    @property
    def tools(self) -> Mapping[str, str]:
        """The tools that it may use, each with its place in the file."""
        return self.places

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """Every step, and then what lies inside it where they lead to no answer: all goes well with two steps."""
        most = self.spec.max_steps
        step = Call(layer=self.name, does="step", usual=min(2, most), most=most, more=OBSERVED * (most + 1) // 2,
                    made=room(longest))  # fmt: skip
        behind = (
            replace(
                call,
                layer=call.layer or self.name,
                does=call.does if call.layer else self._behind,
                usual=int(self.formed and place == 0),  # the form of the answer is asked for in a call of its own
                more=call.more + OBSERVED * most,
            )
            for place, call in enumerate(inner)
        )
        return (step, *behind)

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The answer that a step gives, or what lies inside makes of all that was observed."""
        way = before = _Way(ended(prompt, self._acting(prompt, calls)))
        for number in range(1, self.spec.max_steps + 1):
            with calls.step("layer.react", step=number) as noted:
                try:
                    (completion,) = await calls.ask(aside(way.prompt, self.form))
                except ModelRejected as error:  # the longest prompt is the likeliest to be refused
                    notice = REFUSED.format(step=number, error=error.message)
                    return await self._fallback(before, inner, calls, notice)
                step = self._read(mend(completion.text, way.prompt.slots), form=prompt.output is not None)
                noted.facts.update(action=step.action, given=step.given, thought=step.thought, fault=step.fault)
                if step.action == FINISH and not step.fault:
                    return await self._finished(way, step, completion, calls)
                before, way = (
                    way,
                    await self._next(way, step, completion, calls, last=number == self.spec.max_steps - 1),
                )
        return await self._fallback(way, inner, calls, USED_UP.format(steps=self.spec.max_steps))

    def _acting(self, prompt: Prompt, calls: Calls):
        lines = [f"- {name}: {self._described(name, calls)}" for name in self.tools]
        values = {"tools": "\n".join(lines), "steps": self.spec.max_steps, "form": prompt.output is not None}
        return self.words["act"].say(values, trust="tool", tokens=calls.tokens)

    def _described(self, name: str, calls: Calls) -> str:
        own = self.named.get(name)
        return " ".join((own.say().text if own is not None else calls.describe(name)).split())

    @property
    def _behind(self) -> str:
        return "answer in its form" if self.formed else "answer, where no step gives one"

    # ── One step ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, text: str, *, form: bool) -> _Step:
        """The step that a reply is."""
        value, _, fault = read_json(text)
        if value is None and (first := first_json(text)) is not None and "action" in first:
            value = first  # what a model makes up of observations after its step does not count
        if value is None:
            return _Step(fault=fault)
        action, given = str(value.get("action") or "").strip(), value.get("input", "")
        name = next((name for name in (*self.tools, FINISH) if name.lower() == action.lower()), "")
        given = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        thought = str(value.get("thought") or "")[:LONGEST_THOUGHT]
        step = _Step(thought=thought, action=name or action[:LONGEST_NAME], given=given.strip())
        if not name:
            return replace(step, fault=" ".join(filter(None, (f"there is no action {step.action!r}.",
                           nearest(step.action, (*self.tools, FINISH))))).rstrip("."))  # fmt: skip
        if name != FINISH and len(step.given) > LONGEST_INPUT:
            return replace(step, fault=f'its "input" is longer than {LONGEST_INPUT} characters')
        if not step.given and not (name == FINISH and form):
            return replace(step, fault='its "input" is empty')
        return step

    async def _next(self, way: _Way, step: _Step, completion: Completion, calls: Calls, *, last: bool) -> _Way:
        """The way with the turn of this step, and what came of it."""
        seen = Observed.of(way.prompt)
        turn = partial(turned, way.prompt, step.said(completion), tokens=calls.tokens)
        thoughts = (*way.thoughts, step.thought, f"{step.action}: {step.given}" if step.action else "")
        done = (step.action, " ".join(step.given.split()).casefold())
        if step.fault or done in way.done:
            name, values = ("mend", {"fault": step.fault}) if step.fault else ("again", {})
            values |= {"actions": self._actions, "last": last}
            said = self._said(name, values, calls)
            return replace(way, prompt=turn(said), thoughts=thoughts)
        try:
            found = await calls.use(step.action, step.given)
        except ToolFailed as error:
            told = seen.told(str(error), calls.tokens)
            said = self._said("failed", {**told.values, "tool": step.action, "last": last}, calls)
        else:
            told = seen.put(found, calls.tokens)
            said = self._said("observed", {**told.values, "tool": step.action, "last": last}, calls)
        made = turn(said)
        slot = Slot(
            name=f"observed {step.action}",
            trust="tool",
            text=said.text,
            hits=told.hits,
            broken=tuple(dict.fromkeys((*said.broken, *told.broken))),
            mark=told.marking.kind,
            sign=told.marking.sign,
        )
        return _Way(replace(made, slots=(*made.slots, slot)), way.done | {done}, thoughts)

    def _said(self, name: str, values: Mapping[str, object], calls: Calls):
        uses = self.words[name].body.uses
        known = {key: value for key, value in values.items() if key in uses}
        return self.words[name].say(known, trust="tool", tokens=calls.tokens)

    @property
    def _actions(self) -> str:
        return ", ".join(f'"{name}"' for name in (*self.tools, FINISH))

    # ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _finished(self, way: _Way, step: _Step, completion: Completion, calls: Calls) -> Outcome:
        """The answer of the last step, in the form that the file asks for."""
        if way.prompt.output is None:
            return Outcome(
                prompt=way.prompt, completion=way.reasoned(replace(completion, text=step.given), step.thought)
            )
        prompt = turned(
            way.prompt, step.said(completion), self.words["answer"].say({"form": True}), tokens=calls.tokens
        )
        (formed,) = await calls.ask(prompt)
        return Outcome(prompt=prompt, completion=way.reasoned(formed, step.thought))

    async def _fallback(self, way: _Way, inner: Solve, calls: Calls, notice: str) -> Outcome:
        """What lies inside it makes an answer of all that was observed."""
        prompt = ended(way.prompt, self.words["answer"].say({"form": way.prompt.output is not None}))
        (outcome, *_) = await inner(prompt)
        return replace(outcome, completion=way.reasoned(outcome.completion)).noting(notice)


def steps(spec: ReAct, root: Path, places: Mapping[str, str], *, formed: bool) -> Steps:
    """The layer in its words. Raises PromptError where these cannot be used."""
    flags = {"act": ["form", "steps"], "observed": ["cut", "fenced", "known", "last"], "failed": ["fenced", "last"]}
    needs = {"act": ["tools"], "observed": ["tool", "found", "passages"], "failed": ["tool", "found"]}
    of = {name: words(root, f"react/{name}.md", takes=flags[name], needs=needs[name]) for name in flags}
    of["again"] = words(root, "react/again.md", takes=["last", "actions"])
    of["mend"] = words(root, "react/mend.md", takes=["last", "actions"], needs=["fault"])
    of["answer"] = words(root, "react/answer.md", takes=["form"])
    of["form"] = words(root, "react/form.md", needs=["actions"])
    named = {name: words(root, f"react/tools/{name}.md") for name in spec.tools if _has_words(root, name)}
    actions: list[Any] = [*spec.tools, FINISH]
    schema = {
        "type": "object",
        "properties": {
            "thought": {"type": "string"},
            "action": {"type": "string", "enum": actions},
            "input": {"type": "string"},
        },
        "required": ["thought", "action", "input"],
    }
    said = of["form"].say({"actions": ", ".join(f'"{name}"' for name in actions)})
    form = replace(output_of(schema, name="step", root=root), words=said.text)
    return Steps(spec=spec, words=of, named=named, form=form, formed=formed, places=places)


def _has_words(root: Path, name: str) -> bool:
    path = Path(FOLDER) / "react" / "tools" / f"{name}.md"
    return any((folder / path).is_file() for folder in (root, template() / "prompts"))
