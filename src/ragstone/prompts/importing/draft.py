"""A file of ours in the making: what a reader has found, and how it is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from ragstone.config import Located
from ragstone.prompts.importing.inputs import Inputs, referring
from ragstone.prompts.importing.losses import Losses
from ragstone.prompts.importing.nodes import Node, written
from ragstone.prompts.schema import Front

__all__ = ["Draft"]

_OPTIONS = {
    "temperature": "temperature",
    "maxoutputtokens": "maxOutputTokens",
    "maxtokens": "maxOutputTokens",
    "maxcompletiontokens": "maxOutputTokens",
    "topp": "topP",
    "topk": "topK",
    "frequencypenalty": "frequencyPenalty",
    "presencepenalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
    "stopsequences": "stopSequences",
}
_WHY_NO_OPTION = {
    "responseformat": "A format of the answer is not carried over.",
    "tools": "Tools are not carried over.",
    "toolchoice": "Tools are not carried over.",
    "apikey": "Keys stand in connectors/*.yaml.",
}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _./()+-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_YAML_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


@dataclass(slots=True)
class Draft:
    """The parts of a prompt file, in our words, and what was lost on the way."""

    located: Located
    losses: Losses
    inputs: Inputs
    front: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[tuple[str, tuple[Node, ...]]] = field(default_factory=list[tuple[str, tuple[Node, ...]]])

    def where(self, *keys: str | int) -> str:
        """The place of a key in the file that was read."""
        return self.located.where(keys)

    def leave_out(self, keys: Sequence[str | int], why: str) -> None:
        """Notes that a key has no counterpart."""
        self.losses.leave_out(self.where(*keys), ".".join(map(str, keys)), why)

    def text(self, key: str, value: object, at: Sequence[str | int]) -> None:
        """Sets a key of the front matter to a text; one that is empty is no text."""
        if value is None or value == "":
            return
        if not isinstance(value, str):
            self.leave_out(at, "It is no text.")
        elif referring(value):
            self.leave_out(at, "It refers to a variable or another file.")
        else:
            self.front[key] = value

    def options(self, given: object, at: Sequence[str | int]) -> None:
        """Adds the model's options that we have too."""
        if not isinstance(given, dict):
            if given is not None:
                self.leave_out(at, "It holds no keys and values.")
            return
        made: dict[str, Any] = self.model.setdefault("options", {})
        for name, value in cast("dict[str, Any]", given).items():
            plain = name.replace("_", "").replace("-", "").lower()
            ours = _OPTIONS.get(plain)
            if value is None:
                continue
            if ours is None:
                self.leave_out((*at, name), _WHY_NO_OPTION.get(plain, "There is no such option here."))
            elif (fitting := _fitting(ours, value)) is None:
                self.leave_out((*at, name), f"{value!r} is no value of {ours}.")
            else:
                made[ours] = fitting

    @property
    def model(self) -> dict[str, Any]:
        """The part of the front matter that is about the model."""
        return self.front.setdefault("model", {})

    def written(self, name: str) -> str:
        """The whole file, under that name."""
        front = self.front
        display = front.get("displayName") or (front["name"] if front.get("name", name) != name else None)
        ordered = {
            "name": name,
            "displayName": display,
            "description": front.get("description"),
            "model": {key: value for key, value in front.get("model", {}).items() if value},
            "inputs": self.inputs.front(),
            "metadata": front.get("metadata"),
        }
        lines = _mapping({key: value for key, value in ordered.items() if value}, "")
        body = "\n\n".join(f"{role}:\n{written(nodes).strip(chr(10))}" for role, nodes in self.messages)
        return "\n".join(["---", *lines, "---", body]) + "\n"


def _fitting(option: str, value: object) -> object | None:
    """The value in the type that our schema wants, or nothing."""
    if option == "stopSequences" and isinstance(value, str):
        value = [value]
    if referring(value):
        return None
    try:
        Front.model_validate({"model": {"options": {option: value}}})
    except ValidationError:
        return None
    return value


# ── YAML that says the same to every reader ─────────────────────────────────────────────────────────────────────────


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, child in value.items():
        if isinstance(child, dict) and child:
            yield f"{indent}{key}:"
            yield from _mapping(cast("dict[str, Any]", child), indent + "  ")
        elif isinstance(child, list) and child and isinstance(child[0], dict):
            yield f"{indent}{key}:"
            for item in cast("list[dict[str, Any]]", child):
                first, *rest = _mapping(item, "")
                yield f"{indent}  - {first}"
                yield from (f"{indent}    {line}" for line in rest)
        else:
            yield f"{indent}{key}: {_scalar(cast('object', child))}"


def _scalar(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, cast("list[object]", value))) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value == value.strip():
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in _YAML_ESCAPES:
        return _YAML_ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"
