"""Has a model list texts: an object with one field, which is asked for as any form of an answer is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.output import Output, read_json
from ragstone.prompts.layers.asides import one_line
from ragstone.prompts.layers.words import Words, words
from ragstone.prompts.outputs import output_of

__all__ = ["Listing", "listing"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of texts. `says` tells the model what stands in it, where the request does not."""

    field: str
    output: Output
    says: Words | None = None

    @property
    def texts(self) -> tuple[Words, ...]:
        """All the words that it says to a model."""
        return (self.says,) if self.says is not None else ()

    def read(self, text: str) -> list[str] | None:
        r"""The texts, one line each and each once; None where the model gave no such list.

        >>> listing(root, "questions").read('{"questions": ["How many?", " How\\n many? ", ""]}')
        ['How many?']
        """
        value, _, _ = read_json(text)
        found: object = None if value is None else value.get(self.field)
        if not isinstance(found, list):
            return None
        items = cast("list[object]", found)
        texts = list(filter(None, (one_line(item) for item in items if isinstance(item, str))))
        return list(dict.fromkeys(texts)) if texts or not items else None


def listing(root: Path, field: str, name: str = "") -> Listing:
    """A list in the field of that name, described by the words of the file `name`, if one is given."""
    says = words(root, name) if name else None
    described = {"description": says.say().text} if says is not None else {}
    texts = {"type": "array", "items": {"type": "string"}, **described}
    schema: dict[str, Any] = {"type": "object", "properties": {field: texts}, "required": [field]}
    return Listing(field, output_of(schema, name=field, root=root), says)
