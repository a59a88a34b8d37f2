"""Inputs from the command line, made into what a prompt file declares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragstone.cli import show
from ragstone.errors import UsageError, nearest
from ragstone.prompts.file import PromptFile
from ragstone.prompts.schema import Property

__all__ = ["filled"]

LARGEST = 50_000_000  # bytes of a file

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def filled(file: PromptFile, values: Sequence[str], files: Sequence[str]) -> dict[str, Any]:
    """The inputs of a prompt: what `--set` and `--set-file` give, and for a required one besides its own example."""
    given = dict(_pair("--set", value) for value in values)
    for pair in files:
        name, path = _pair("--set-file", pair)
        if name in given:
            raise UsageError(f"the input {name!r} is given twice", hint="Use --set or --set-file.")
        given[name] = _read(Path(path))
    declared = {one.name: one for one in file.inputs}
    for name in given:
        if name not in declared:
            expected = "one of " + ", ".join(declared) if declared else "none"
            where, hint = f"prompt {file.name!r}", nearest(name, declared)
            raise UsageError(f"there is no input {name!r}", where=where, expected=expected, hint=hint)
    found = {name: _value(declared[name], text) for name, text in given.items()}
    for one in file.inputs:
        if one.required and one.default is None and one.name not in found:
            if one.example is None:
                where, hint = f"prompt {file.name!r}", f"Add: --set {one.name}=…"
                raise UsageError(f"the input {one.name!r} is missing", where=where, hint=hint)
            found[one.name] = one.example
            show.remarks([f"{one.name}: the file's own example. Another one: --set {one.name}=…"])
    return found


def _pair(option: str, value: str) -> tuple[str, str]:
    name, equals, text = value.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {value}", expected="NAME=PATH" if option.endswith("file") else "NAME=VALUE")
    return name, text


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"is larger than {LARGEST:,} bytes", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("is no text in UTF-8", where=str(path)) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _value(given: Property, text: str) -> object:
    """A text as the kind of value that an input takes."""
    if given.kind == "string":
        return text
    said = text.strip()
    try:
        if given.kind == "integer":
            return int(said)
        if given.kind == "float":
            return float(said)
        if given.kind == "boolean":
            return _WORDS[said.lower()]
        if not said.startswith("["):
            return said.splitlines()
        value = json.loads(said)
        if given.fits(value):
            return value
    except (KeyError, ValueError):
        pass
    expected = {
        "integer": "a whole number",
        "float": "a number",
        "boolean": "true or false",
        "array": """a list such as '["one", "two"]'""",
    }[given.kind]
    shown = said if len(said) <= 60 else said[:60] + "…"
    raise UsageError(f"the input {given.name!r} has another kind of value", expected=expected, found=repr(shown))
