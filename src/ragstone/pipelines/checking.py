"""The checks that a layer may ask of an answer: whether it has its form, and whether its citations hold."""

from __future__ import annotations

from dataclasses import replace

from ragstone.prompts.wire import mend
from ragstone.types import Completion, Hit, Prompt, Verdict
from ragstone.validation.grounding.citing import cite
from ragstone.validation.outputs import read_output

__all__ = ["checked", "shown"]


def shown(prompt: Prompt) -> tuple[Hit, ...]:
    """The passages that an answer may cite, in the order of their numbers."""
    return tuple(hit for slot in prompt.slots for hit in slot.hits)


def checked(name: str, prompt: Prompt, completion: Completion) -> Verdict:
    """What the check `schema` or `citations` says of an answer. One that says there is none needs neither."""
    # A layer can have it said anew, which is better than half of it.
    said, hits = mend(completion.text, prompt.slots), shown(prompt)
    read = None if prompt.output is None else read_output(said, prompt.output, hits, cut=False)
    texts = (said,) if read is None else read.texts
    if (completion.abstained or any(prompt.abstains(text) for text in texts)) and (
        name == "citations" or read is None or read.parsed is None
    ):
        return Verdict(check=name, passed=True, reason="abstained")
    if read is not None:
        return replace(read.formed if name == "schema" else read.cited, check=name)
    if name == "schema":
        return Verdict(check=name, passed=bool(said.strip()), reason="" if said.strip() else "it says nothing")
    return cite(said, hits)[2]
