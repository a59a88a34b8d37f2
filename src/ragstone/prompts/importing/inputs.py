"""The inputs of an imported file: what it declares, and what its messages use without saying so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from pydantic import ValidationError

from ragstone.prompts.file import RUNTIME
from ragstone.prompts.importing.losses import Losses, NoCounterpartError
from ragstone.prompts.schema import Property

__all__ = ["Input", "Inputs", "Steps", "kind_of", "referring"]

Steps: TypeAlias = tuple[str, ...]
"""The path of a value: `user.name` is `("user", "name")`."""

_TAKEN = {
    "and",
    "else",
    "false",
    "if",
    "in",
    "is",
    "loop",
    "none",
    "not",
    "or",
    "self",
    "super",
    "true",
}  # words of Jinja
_KINDS = {
    "string": "string",
    "str": "string",
    "text": "string",
    "any": "string",
    "integer": "integer",
    "int": "integer",
    "number": "float",
    "float": "float",
    "double": "float",
    "boolean": "boolean",
    "bool": "boolean",
    "array": "array",
    "list": "array",
}
_REFERENCE = re.compile(r"\$\{[A-Za-z]+:")


@dataclass(slots=True)
class Input:
    """One input of the file that is being made. `kind` is empty until the file or its use says what it is."""

    steps: Steps
    name: str
    where: str
    kind: str = ""
    items: str = ""
    required: bool = False
    facts: dict[str, Any] = field(default_factory=dict[str, Any])  # description, default, example, enumValues
    uses: set[str] = field(default_factory=set[str])

    @property
    def shown(self) -> str:
        """How the original calls it."""
        return ".".join(self.steps)

    def front(self) -> dict[str, Any]:
        """The lines of the front matter."""
        made: dict[str, Any] = {"name": self.name, "kind": self.kind or _inferred(self.uses)}
        if self.required:
            made["required"] = True
        return made | self.facts


@dataclass(slots=True)
class Inputs:
    """Gathers the inputs of one file, in the order in which they appear. No two have one name."""

    path: str
    losses: Losses
    required: bool = False  # what is used without being declared must be given
    found: dict[Steps, Input] = field(default_factory=dict[Steps, Input])
    groups: set[Steps] = field(default_factory=set[Steps])
    unusable: set[str] = field(default_factory=set[str])  # pictures and the like, which no text can hold
    threads: set[str] = field(default_factory=set[str])  # earlier turns

    def declare(self, steps: Steps, where: str, *, kind: str = "", items: str = "", required: bool = False) -> Input:
        """Adds an input that the file names. A kind that is not known becomes a text."""
        ours = _KINDS.get(kind.lower(), "string") if kind else ""
        if ours == "string" and kind.lower() not in ("string", "str", "text"):
            self.losses.change(where, f"the kind {kind!r} of {'.'.join(steps)!r}", "It is a text here.")
        made = self._add(steps, where)
        made.kind, made.items, made.required = ours, _KINDS.get(items.lower(), ""), required
        return made

    def group(self, steps: Steps, where: str) -> None:
        """Notes that a value has parts: each part is an input of its own."""
        self.groups.add(steps)
        why = "An input holds one value or a list, so each of its parts is an input of its own."
        self.losses.change(where, f"the input {'.'.join(steps)!r} with parts", why)

    def describe(self, given: Input, facts: Mapping[str, Any], where: str) -> None:
        """Adds a description, default, example or enumValues where our file can hold it, and notes where not."""
        for key, value in facts.items():
            what = f"the {key} of {given.shown!r}"
            if value is None or value in ("", []):
                continue
            if referring(value):
                self.losses.leave_out(where, what, "It refers to a variable or another file.")
            elif not _holds(given, key, value):
                self.losses.leave_out(where, what, f"It does not fit the kind {given.kind or 'string'!r}.")
            else:
                given.facts[key] = value

    def use(self, steps: Steps, how: str, where: str) -> Input:
        """The input that a path means. `how` is print, condition, loop or number. Raises NoCounterpartError."""
        if steps[0] in self.unusable:
            raise NoCounterpartError("Pictures, sound and files are not sent.")
        if steps in self.groups:
            raise NoCounterpartError("It is a value with parts; each part is an input of its own here.")
        for length in range(1, len(steps)):
            if steps[:length] in self.found and steps[:length] not in self.groups:
                raise NoCounterpartError(f"{'.'.join(steps[:length])!r} is one value here and has no parts.")
        given = self.found.get(steps)
        if given is None:
            if any(other[: len(steps)] == steps for other in self.found):
                raise NoCounterpartError("It is a value with parts; each part is an input of its own here.")
            given = self._add(steps, where)
            given.required = self.required
        if how == "loop" and given.kind not in ("", "array"):
            raise NoCounterpartError(f"{given.shown!r} is no list.")
        given.uses.add(how)
        return given

    def question(self) -> str:
        """The name of a new input for the question, in a file that has no user message."""
        given = self._add(("question",), self.path) if ("question",) not in self.found else None
        given = given or self._add(("question", "asked"), self.path)
        given.kind, given.required = "string", True
        return given.name

    def front(self) -> list[dict[str, Any]]:
        """All of them, for the front matter."""
        return [given.front() for given in self.found.values()]

    def _add(self, steps: Steps, where: str) -> Input:
        if steps in self.found:
            return self.found[steps]
        wanted = re.sub(r"[^A-Za-z0-9_]", "_", "_".join(steps)).lstrip("_0123456789") or "value"
        taken = {given.name for given in self.found.values()}
        name, number = wanted, 1
        while name in taken or name.lower() in _TAKEN or name in RUNTIME:
            number += 1
            name = f"{wanted}_{number}"
        if name != ".".join(steps):
            self.losses.change(where, f"the input {'.'.join(steps)!r}", f"It is called {name!r} here.")
        self.found[steps] = Input(steps, name, where)
        return self.found[steps]


def kind_of(value: object) -> str:
    """The kind of input that holds such a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "float"
    return "array" if isinstance(value, list) else "string"


def referring(value: object) -> bool:
    """Whether a value names a variable or a file that would be read in its place."""
    if isinstance(value, str):
        return bool(_REFERENCE.search(value))
    if isinstance(value, Mapping):
        return any(map(referring, cast("Mapping[object, object]", value).values()))
    return isinstance(value, list) and any(map(referring, cast("Sequence[object]", value)))


def _inferred(uses: set[str]) -> str:
    if "loop" in uses:
        return "array"
    if "print" in uses or not uses:
        return "string"
    return "float" if "number" in uses else "boolean"


def _holds(given: Input, key: str, value: object) -> bool:
    if key == "description":
        return isinstance(value, str)
    try:
        wanted = Property.model_validate({"name": given.name, "kind": given.kind or "string", key: value})
    except ValidationError:
        return False
    if key == "enumValues":
        return all(map(wanted.fits, wanted.enum_values or []))
    allowed = given.facts.get("enumValues")
    return wanted.fits(value) and (allowed is None or value in allowed)
