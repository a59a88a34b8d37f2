"""The checks that a layer may ask of an answer: whether it has its form, and whether its citations hold."""

from __future__ import annotations

from ragstone.prompts.wire import mend
from ragstone.types import Completion, Hit, Prompt, Verdict
from ragstone.validation.grounding import cite
from ragstone.validation.outputs import read_output

__all__ = ["CHECKS", "checked", "shown"]

CHECKS = ("schema", "citations")


def shown(prompt: Prompt) -> tuple[Hit, ...]:
    """The passages that an answer may cite, in the order of their numbers."""
    return tuple(hit for slot in prompt.slots for hit in slot.hits)


def checked(name: str, prompt: Prompt, completion: Completion) -> Verdict:
    """What the check of that name says of an answer."""
    said, hits = mend(completion.text, prompt.slots), shown(prompt)
    if prompt.output is None:
        if name == "schema":
            return Verdict(check=name, passed=bool(said.strip()), reason="" if said.strip() else "it says nothing")
        return cite(said, hits)[2]
    read = read_output(said, prompt.output, hits)
    return read.formed if name == "schema" else read.cited
