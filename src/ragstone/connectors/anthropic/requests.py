"""What a request to the Messages API holds, and where its prefix is marked for the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ragstone.connectors.anthropic.families import Family
from ragstone.errors import ConfigError, ModelRejected
from ragstone.output import Output
from ragstone.types import Prompt

__all__ = ["LONGEST", "SAMPLING", "VERSION", "Reasoning", "body", "output_format", "version"]

LONGEST = 4096
"""The most tokens of an answer where neither prompt nor connector says: the API wants a number."""

SAMPLING = frozenset({"temperature", "top_p", "top_k"})

VERSION, BEFORE = "2026-10-21", "2023-06-01"
"""The version of the API that has no sampling any more, and the one before, which older models are asked by for it."""

LEAST_BUDGET = 1024  # tokens of thinking, as the API wants
MARK: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A model's switch for thinking, as its connector's file sets it: None and "" are not sent."""

    family: Family
    thinking: bool | None = None
    effort: str = ""

    def __post_init__(self) -> None:
        if self.thinking is False and self.family.thinking == "always":
            raise ConfigError(
                "thinking cannot be switched off: this model always thinks", hint="Write `effort: low` instead."
            )

    @property
    def known(self) -> bool:
        """Whether there is a switch that a prompt can turn on."""
        return self.thinking is not None or bool(self.effort)

    def on(self, prompt: Prompt) -> bool:
        """Whether this prompt's answer is thought about."""
        return bool(self.thinking) or (prompt.reasons and self.known)

    def fields(self, prompt: Prompt, longest: int) -> dict[str, Any]:
        """What is added to a request whose answer has at most so many tokens, those of thinking included."""
        if self.thinking is None and not self.on(prompt):
            return {}
        if not self.on(prompt):
            off = "between_tools" if self.family.thinking == "between_tools" else "disabled"
            return {"thinking": {"type": off}}
        if self.family.thinking == "budget":
            return {"thinking": {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, longest // 2)}}
        return {"thinking": {"type": "adaptive"}}


def body(
    model: str,
    prompt: Prompt,
    *,
    longest: int,
    reasoning: Reasoning,
    omits: frozenset[str] = frozenset(),
    output: Output | None = None,
) -> dict[str, Any]:
    """The whole request; `longest` is the most tokens of its answer, `output` the form that binds it."""
    options = prompt.options
    settings = {"temperature": options.temperature, "top_p": options.top_p, "top_k": options.top_k}
    sent = {name: value for name, value in settings.items() if value is not None and name not in omits}
    stop = {"stop_sequences": list(options.stop)} if options.stop and "stop" not in omits else {}
    config = {**({"effort": reasoning.effort} if reasoning.effort else {}), **(output_format(output) if output else {})}
    return {
        "model": model,
        "max_tokens": longest,
        **_messages(prompt, marked=prompt.stable_prefix_tokens >= reasoning.family.least),
        **sent,
        **stop,
        **reasoning.fields(prompt, longest),
        **({"output_config": config} if config else {}),
    }


def output_format(output: Output) -> dict[str, Any]:
    """What binds an answer by a schema."""
    return {"format": {"type": "json_schema", "schema": dict(output.strict)}}


def version(body: Mapping[str, Any]) -> str:
    """The version of the API that a request is of."""
    return BEFORE if SAMPLING & body.keys() else VERSION


def _messages(prompt: Prompt, *, marked: bool) -> dict[str, Any]:
    """The system prompt, which stands apart, and the turns, in which roles alternate.

    `marked`: the cache keeps what stands before a mark. One is set where the stable beginning ends in the system
    prompt, and one where it ends in the turns; four are allowed.
    """
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for place, message in enumerate(prompt.messages):
        if not message.content.strip():
            continue  # the API refuses a block without words
        block: dict[str, Any] = {"type": "text", "text": message.content}
        if message.role == "system":
            system.append(block)
        elif turns and turns[-1]["role"] == message.role:
            turns[-1]["content"].append(block)
        else:
            turns.append({"role": message.role, "content": [block]})
        if marked and place < prompt.stable_messages:
            for other in system if message.role == "system" else [each for turn in turns for each in turn["content"]]:
                other.pop("cache_control", None)
            block.update(MARK)
    if not turns:
        raise ModelRejected(
            f"the prompt {prompt.name!r} has no message of the user's", hint="Write `user:` before its last part."
        )
    return {**({"system": system} if system else {}), "messages": turns}
