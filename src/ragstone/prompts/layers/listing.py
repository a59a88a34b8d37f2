"""Has a model list texts: an object with one field, which is asked for as any form of an answer is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ragstone.output import Output, read_json
from ragstone.prompts.layers.words import Words, words
from ragstone.prompts.outputs import output_of
from ragstone.types import Prompt

__all__ = ["Listing", "listing", "room"]

ROOM = 400
"""The tokens that a list may have, where an answer may have fewer."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of texts. `says` tells the model what stands in it."""

    field: str
    says: Words
    output: Output

    def read(self, text: str) -> list[str] | None:
        """The texts, each once; None where the model gave no such list."""
        value, _, _ = read_json(text)
        found: object = None if value is None else value.get(self.field)
        if not isinstance(found, list):
            return None
        items = cast("list[object]", found)
        texts = [item.strip() for item in items if isinstance(item, str) and item.strip()]
        return list(dict.fromkeys(texts)) if texts or not items else None

    def roomy(self, prompt: Prompt) -> Prompt:
        """The prompt with options that neither cut a list off nor end it early."""
        return replace(prompt, options=replace(prompt.options, max_tokens=room(prompt.options.max_tokens), stop=()))


def listing(root: Path, field: str, name: str) -> Listing:
    """A list in the field of that name, described by the words of the file `name`."""
    says = words(root, name)
    texts = {"type": "array", "items": {"type": "string"}, "description": says.say().text}
    schema: dict[str, Any] = {"type": "object", "properties": {field: texts}, "required": [field]}
    return Listing(field, says, output_of(schema, name=field, root=root))


def room(longest: int | None) -> int | None:
    """The tokens that a list may have, where an answer has so many at most."""
    return None if longest is None else max(longest, ROOM)
