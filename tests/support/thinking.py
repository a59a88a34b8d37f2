"""A model that says by kind of call what it is told to, and what it was asked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

from ragstone.testing import ScriptedModel
from ragstone.types import Prompt

__all__ = ["Says", "asked", "kinds", "last", "likely", "numbered", "thoughts"]


def asked(prompt: Prompt) -> str:
    return prompt.output.name if prompt.output is not None else "answer"


def last(prompt: Prompt) -> str:
    return prompt.messages[-1].content


def kinds(model: ScriptedModel) -> list[str]:
    return [asked(prompt) for prompt in model.prompts]


def thoughts(*said: str, done: Sequence[str] = ()) -> str:
    return json.dumps({"thoughts": [{"thought": each, "done": each in done} for each in said]})


class Says:
    """Says by kind of call what it is told to: a line, a list of lines one after the other, or a function."""

    def __init__(self, **lines: str | list[str | Exception] | Callable[[Prompt], str | Exception]) -> None:
        self.lines = {name: iter(line) if isinstance(line, list) else line for name, line in lines.items()}

    def __call__(self, prompt: Prompt) -> str | Exception:
        line = self.lines[asked(prompt)]
        if isinstance(line, str):
            return line
        return line(prompt) if callable(line) else next(line)


def likely(prompt: Prompt) -> str:
    return json.dumps({"reason": "", "value": "likely"})


def numbered(prompt: Prompt) -> str:
    """Three thoughts that are found nowhere else."""
    return thoughts(*(f"{len(last(prompt))}.{random.Random(last(prompt)).random()}.{each}" for each in range(3)))
