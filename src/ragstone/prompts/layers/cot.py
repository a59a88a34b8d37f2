"""Chain of thought: the model writes down its steps before it answers, and the reader sees the answer alone.

    layers:
      cot: {on: true, style: zero_shot, marker: "Answer:"}

A free text ends with a line that begins with the marker; an answer with fields begins with one more, `reasoning`. Both
are taken off again: `Completion.reasoning` keeps the steps. `on: auto` leaves them to a model that has a switch for
reasoning of its own. Wei et al. 2022 (arXiv 2201.11903), Kojima et al. 2022 (arXiv 2205.11916); plan-and-solve: Wang et
al. 2023 (arXiv 2305.04091).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, StringConstraints

from ragstone.output import Output, read_json
from ragstone.prompts.layers.switch import Settings
from ragstone.prompts.layers.words import Words, words
from ragstone.samples import noted
from ragstone.types import Completion, Prompt

__all__ = ["REASONING", "Cot", "Reasoning", "reasoning"]

REASONING = "reasoning"
"""The field of an answer that holds its steps."""

NO_MARK = "The model marked no answer, so all that it wrote is taken for it."

MENDED = "The steps were taken out of an object that was mended: {remark}."

Style: TypeAlias = Literal["zero_shot", "exemplars", "plan_and_solve"]


def _switch(value: object) -> object:
    if isinstance(value, bool) or value == "auto":
        return value
    raise ValueError("should be true, false or auto")


class Cot(Settings):
    """`exemplars` shows the steps of the file's few-shot examples, the others ask for them in words."""

    on: Annotated[bool | Literal["auto"], BeforeValidator(_switch)] = True
    style: Style = "zero_shot"
    marker: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)] = "Answer:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """A chain of thought as it is asked for and read. `auto` gives way to a model's own."""

    marker: str
    asks: Words  # for the steps
    names: Words  # says what the field `reasoning` is for
    auto: bool = False

    def asked(self, *, fields: bool) -> str:
        """The words that end the last user message."""
        return self.asks.say({"marker": "" if fields else self.marker}).text

    def schema(self, output: Output) -> Mapping[str, Any]:
        """The form of an answer whose first field holds the steps."""
        step = {"type": "string", "description": self.names.say().text}
        properties = {REASONING: step, **output.schema.get("properties", {})}
        return {**output.schema, "properties": properties, "required": [REASONING, *output.schema.get("required", [])]}

    def example(self, rationale: str, output: str, *, fields: bool) -> str:
        r"""A solved example as a model would say it.

        >>> reasoning.example("2 + 3 = 5.", "5", fields=False)
        '2 + 3 = 5.\nAnswer: 5'
        """
        if not fields:
            return f"{rationale}\n{self.marker} {output}"
        return json.dumps({REASONING: rationale, **json.loads(output)}, ensure_ascii=False)

    def read(self, prompt: Prompt, completion: Completion) -> Completion:
        """The answer without its steps, which `Completion.reasoning` keeps."""
        if prompt.reasons:
            return completion
        if prompt.output is not None:
            return self._of_fields(completion)
        said, end = completion.text, len(completion.text)
        for mark in reversed([*self._marks().finditer(said)]):  # where the reply breaks off behind one, that before it
            if answer := said[mark.end() : end].strip():
                return replace(completion, text=answer, reasoning=_joined(completion.reasoning, said[: mark.start()]))
            end = mark.start()
        return noted(completion, NO_MARK)

    def marked(self, completion: Completion) -> bool:
        """Whether an answer was told apart from its steps."""
        return NO_MARK not in (completion.notice or "").splitlines()

    def _of_fields(self, completion: Completion) -> Completion:
        value, remark, _ = read_json(completion.text)
        if value is None or REASONING not in value:
            return completion
        steps = value[REASONING]
        rest = {name: each for name, each in value.items() if name != REASONING}
        text = json.dumps(rest, ensure_ascii=False)
        said = steps if isinstance(steps, str) else json.dumps(steps, ensure_ascii=False)
        found = replace(completion, text=text, reasoning=_joined(completion.reasoning, said))
        return noted(found, MENDED.format(remark=remark)) if "repaired" in remark else found

    def _marks(self) -> re.Pattern[str]:
        """The marker at the beginning of a line, with what Markdown may put around it."""
        return re.compile(rf"^[ \t>#*_-]*{re.escape(self.marker)}[*_]*", re.IGNORECASE | re.MULTILINE)


def reasoning(spec: Cot, root: Path) -> Reasoning:
    """A chain of thought in the words of its style. Raises PromptError where these cannot be used."""
    asks = words(root, f"cot/{spec.style}.md", needs=["marker"])
    names = words(root, f"cot/{REASONING}.md")
    return Reasoning(marker=spec.marker, asks=asks, names=names, auto=spec.on == "auto")


def _joined(*steps: str) -> str:
    return "\n\n".join(each.strip() for each in steps if each.strip())
