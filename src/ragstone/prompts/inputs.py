"""Checks the values that a caller gives against the inputs that a prompt file declares."""

from __future__ import annotations

from collections.abc import Mapping

from ragstone.errors import UsageError, nearest
from ragstone.prompts.file import PromptFile
from ragstone.prompts.schema import Property
from ragstone.prompts.template import plain

__all__ = ["checked"]


def checked(file: PromptFile, inputs: Mapping[str, object]) -> dict[str, object]:
    """Every declared input with its value, in the order of the file."""
    names = [given.name for given in file.inputs]
    for name in inputs:
        if name not in names:
            raise UsageError(
                f"there is no input {name!r}",
                where=f"prompt {file.name!r}",
                expected="one of " + ", ".join(names) if names else "none",
                hint=nearest(name, names),
            )
    return {given.name: _value(given, inputs, file.name) for given in file.inputs}


def _value(given: Property, inputs: Mapping[str, object], prompt: str) -> object:
    if given.name not in inputs:
        if given.required and given.default is None:
            raise UsageError(f"the input {given.name!r} is missing", where=f"prompt {prompt!r}")
        return given.absent if given.default is None else given.default
    value = inputs[given.name]
    if not given.fits(value):
        found = type(value).__name__
        raise UsageError(
            f"the input {given.name!r} is of another kind", where=f"prompt {prompt!r}", expected=given.kind, found=found
        )
    if given.enum_values is not None and value not in given.enum_values:
        expected = "one of " + ", ".join(map(plain, given.enum_values))
        raise UsageError(
            f"the input {given.name!r} has another value",
            where=f"prompt {prompt!r}",
            expected=expected,
            found=repr(value),
        )
    return value
