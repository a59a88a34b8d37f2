"""A prompt file with something of its caller's in place of its own: the class that an answer becomes, the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, cast

from pydantic import BaseModel, PydanticUserError

from ragstone.errors import PromptError, UsageError
from ragstone.prompts.file import PromptFile
from ragstone.prompts.json_schema import FORMATS, REFUSED, WORDS, Keys, faults, resolved
from ragstone.prompts.layers.building import restacked
from ragstone.prompts.outputs import output_of
from ragstone.types import Options

__all__ = ["with_class", "with_options"]


def with_class(file: PromptFile, model: object) -> PromptFile:
    """The prompt file with a class of pydantic as its output, in place of its own. Its version begins with the file's.

    Raises UsageError for anything else, and for a class that no server can honour.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise UsageError("the output is no class of pydantic", where="output", found=repr(cast("object", model))[:80])
    schema = _of_class(model)

    def where(keys: Keys) -> str:
        return ".".join((f"output {model.__name__}", *(str(key) for key in keys if key != "properties")))

    for fault in faults(schema, where):
        raise UsageError(fault.message, where=fault.where, expected=fault.expected, found=fault.found, hint=fault.hint)
    output = replace(output_of(schema, name=model.__name__, root=file.root), model=model)
    version = f"{file.version}+{hashlib.blake2b(output.words.encode(), digest_size=8).hexdigest()}"
    try:
        layers = restacked(file.layers, output)
    except PromptError as error:
        place, hint = f"output {model.__name__}", error.hint
        raise UsageError(error.message, where=place, expected=error.expected, found=error.found, hint=hint) from error
    return replace(file, output=output, version=version, layers=layers)


def with_options(file: PromptFile, options: Options) -> PromptFile:
    """The prompt file with settings of the caller's, where they are set. Its version begins with the file's.

    The answer may be shorter than the file allows, and never longer.
    """
    said = {name: value for name, value in asdict(options).items() if value not in (None, ())}
    if not said:
        return file
    if options.max_tokens is not None and file.options.max_tokens is not None:
        said["max_tokens"] = min(options.max_tokens, file.options.max_tokens)
    made = replace(file.options, **said)
    version = f"{file.version}+{hashlib.blake2b(repr(made).encode(), digest_size=8).hexdigest()}"
    return replace(file, options=made, version=version)


def _of_class(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a class, without what only pydantic knows: the class itself checks that."""
    try:
        schema = _known(model.model_json_schema())
    except PydanticUserError as error:  # a field that no JSON can stand for, a class that is not complete
        message = str(error.message).splitlines()[0]
        raise UsageError(f"no schema can be made of it: {message}", where=f"output {model.__name__}") from error
    if "$ref" in schema:  # a class that holds itself
        schema = {**(resolved(schema, schema["$ref"]) or {}), "$defs": schema["$defs"]}
    return schema


def _known(value: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for word, child in value.items():
        if word in ("properties", "$defs"):
            made[word] = {name: _known(each) for name, each in child.items()}
        elif word in ("anyOf", "oneOf"):
            made[word] = [_known(each) for each in child]
        elif word == "items":
            made[word] = _known(cast("dict[str, Any]", child)) if isinstance(child, dict) else child
        elif (word != "format" or child in FORMATS) and (word in WORDS or word in REFUSED):
            made[word] = child
    return made
