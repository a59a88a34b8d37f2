"""Whether a model can take a prompt: asked where it is chosen, and again where it is sent."""

from __future__ import annotations

from dataclasses import fields

from ragstone.errors import NotAllowed, PromptTooLong
from ragstone.protocols import Capabilities
from ragstone.types import Options, Prompt

__all__ = ["SPELLED", "lacking", "too_long"]

SPELLED = {
    "temperature": "temperature",
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
}
"""What a prompt file calls each setting."""


def lacking(name: str, able: Capabilities, options: Options) -> NotAllowed | None:
    """What is raised for a model that lacks a setting of a prompt: nothing that was asked for is left out silently."""
    given = [one.name for one in fields(options) if getattr(options, one.name) not in (None, ())]
    lacks = [SPELLED[one] for one in given if one not in able.settings]
    if not lacks:
        return None
    words = " and ".join(lacks)
    return NotAllowed(
        f"it has no setting {words}", where=name, hint=f"Take {words} out of model.options, or choose another model."
    )


def too_long(name: str, able: Capabilities, prompt: Prompt) -> PromptTooLong | None:
    """What is raised for a prompt that does not fit into a model's window, with its answer."""
    window, answer = able.context_window, prompt.options.max_tokens or 0
    beyond = prompt.tokens + answer - window if window is not None else 0
    if beyond <= 0:
        return None
    both = f"{prompt.tokens:,} tokens and {answer:,} of its answer" if answer else f"{prompt.tokens:,} tokens"
    return PromptTooLong(
        f"the prompt is {beyond:,} tokens too long for it",
        where=name,
        expected=f"at most {window:,}",
        found=both,
        hint="Ask for fewer passages (k), or set a budget in the prompt file.",
        beyond=beyond,
    )
