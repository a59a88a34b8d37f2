"""What a request for a completion holds, by the names that OpenAI-compatible servers know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ragstone.settings import SPELLED
from ragstone.types import Options, Prompt

__all__ = ["Reasoning", "body"]

FIXED = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
"""The options that models refuse while they reason by themselves."""

USUAL = "medium"  # the effort that a prompt asks for where the connector's file names none


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A model's own switches for reasoning, as its connector's file sets them: "" and None are not sent.

    `effort` goes as `reasoning_effort`; `thinking` goes to the chat template, as vLLM serves hybrid models.
    """

    effort: str = ""
    thinking: bool | None = None

    @property
    def known(self) -> bool:
        """Whether there is a switch that a prompt can turn on."""
        return bool(self.effort) or self.thinking is not None

    def fields(self, *, asked: bool = False) -> dict[str, Any]:
        """What is added to a request; `asked`: by the prompt.

        >>> Reasoning("none").fields(asked=True)
        {'reasoning_effort': 'medium'}
        """
        fields: dict[str, Any] = {}
        if self.effort:
            fields["reasoning_effort"] = USUAL if asked and self.effort == "none" else self.effort
        if self.thinking is not None:
            fields["chat_template_kwargs"] = {"enable_thinking": self.thinking or asked}
        return fields

    def left_out(self, prompt: Prompt) -> list[str]:
        """The options of a prompt that are not sent, since it asks for reasoning. Chat templates leave all in place."""
        if not (prompt.reasons and self.effort):
            return []
        return [name for name in FIXED if getattr(prompt.options, name) is not None]

    def notice(self, prompt: Prompt) -> str | None:
        """What a reader must know of it, in the words of a prompt file."""
        names = [SPELLED[name] for name in self.left_out(prompt)]
        return f"Not sent, since the model reasons by itself: {', '.join(names)}." if names else None


def body(
    model: str, prompt: Prompt, *, length: str, reasoning: Reasoning, omits: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The whole request; `length` is the name of the most tokens of an answer, `omits` the settings to leave out."""
    left_out = [*reasoning.left_out(prompt), *(length if name == "max_tokens" else name for name in omits)]
    given = {name: value for name, value in _options(prompt.options, length).items() if name not in left_out}
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    asked = {name: value for name, value in given.items() if value is not None}
    logprobs = {"logprobs": True} if prompt.logprobs else {}
    return {"model": model, "messages": messages, **asked, **reasoning.fields(asked=prompt.reasons), **logprobs}


def _options(options: Options, length: str) -> dict[str, Any]:
    return {
        "temperature": options.temperature,
        length: options.max_tokens,
        "top_p": options.top_p,
        "top_k": options.top_k,
        "frequency_penalty": options.frequency_penalty,
        "presence_penalty": options.presence_penalty,
        "seed": options.seed,
        "stop": list(options.stop) or None,
    }
