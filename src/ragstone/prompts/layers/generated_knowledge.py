"""Generated knowledge: a model first writes down what it knows of the matter, as background for the task.

    layers:
      generated_knowledge: {on: true, statements: 3}

Nobody has checked these statements: they are marked, and the prompt says that passages are right where the two differ.
Liu et al. 2021 (arXiv 2110.08387).
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
from ragstone.prompts.layers.asides import aside, length, room, written
from ragstone.prompts.layers.background import backed, backing
from ragstone.prompts.layers.extending import ended
from ragstone.prompts.layers.listing import Listing, listing
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve
from ragstone.prompts.layers.switch import Switch
from ragstone.prompts.layers.words import Words, words
from ragstone.types import Mark, Prompt

__all__ = ["GeneratedKnowledge", "Knowing", "knowing"]


NONE = "generated_knowledge found no statement, so this was answered without them."
FAILED = "generated_knowledge was not used, since a model failed: {error}"


class GeneratedKnowledge(Switch):
    """`statements` is how many there are at most."""

    statements: int = Field(default=3, ge=1, le=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowing(Layer):
    """One call before what lies inside it. `mark` is how its file marks what others wrote."""

    name: ClassVar[str] = "generated_knowledge"

    spec: GeneratedKnowledge
    asks: Words  # for the statements
    backs: Words  # puts them before the task
    statements: Listing
    mark: Mark = "none"

    @property
    def texts(self) -> tuple[Words, ...]:
        """The words of both steps."""
        return self.asks, self.backs

    @property
    def forms(self) -> tuple[Output, ...]:
        """A list of statements."""
        return (self.statements.output,)

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """The statements, and what lies inside."""
        more = backing(self.backs, tokens=written(longest), mark=self.mark)
        asked = length(self.asks.text, forms=self.forms)
        return (
            Call(layer=self.name, does="write statements", more=asked, made=room(longest)),
            *(call if call.alone else replace(call, more=call.more + more) for call in inner),
        )

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The task with the statements; without them, where there are none."""
        lost, found = NONE, list[str]()
        with calls.step("layer.generated_knowledge") as step:
            try:
                found = await self._found(prompt, calls)
            except ModelError as error:
                lost = FAILED.format(error=error)
            step.facts["statements"] = found
        if not found:
            return (await inner(prompt))[0].noting(lost)
        text = "\n".join(f"- {each}" for each in found)
        return (await inner(backed(prompt, text, says=self.backs, name=self.name, tokens=calls.tokens)))[0]

    async def _found(self, prompt: Prompt, calls: Calls) -> list[str]:
        if calls.left < 2:  # the last one is kept for the task
            return []
        said = self.asks.say({"count": self.spec.statements})
        (completion, *_) = await calls.ask(aside(ended(prompt, said), self.statements.output))
        return (self.statements.read(completion.text) or [])[: self.spec.statements]


def knowing(spec: GeneratedKnowledge, root: Path, *, mark: Mark) -> Knowing:
    """The layer in its words. Raises PromptError where these cannot be used."""
    return Knowing(
        spec=spec,
        asks=words(root, "generated_knowledge/statements.md", takes=["count"]),
        backs=words(root, "generated_knowledge/background.md", takes=["fenced"], needs=["background"]),
        statements=listing(root, "statements"),
        mark=mark,
    )
