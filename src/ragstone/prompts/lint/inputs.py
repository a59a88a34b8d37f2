"""Rules about the inputs that a prompt declares, and the places that their values go to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from ragstone.prompts.file import variables
from ragstone.prompts.lint.finding import Fault
from ragstone.prompts.reading import Reading

__all__ = ["repeated_slot", "single_braces", "undescribed", "unexampled", "unused"]

_BRACED = re.compile(r"(?<!\{)\$?\{\s*(\w+)\s*\}(?!\})")
_LOOK_ALIKE = re.compile(r"[{｛][{｛]\s*(\w+)\s*[}｝][}｝]|<<\s*(\w+)\s*>>|\[\[\s*(\w+)\s*\]\]")


def unused(reading: Reading) -> Iterator[Fault]:
    """An input that is asked for and put nowhere. One in other brackets is told of by `single_braces`."""
    braced = {name for name, _, _ in _braced(reading)}
    asked = {name for slot in reading.file.lookups for name in slot.address.names}
    retrieve = reading.file.retrieve
    sought = {retrieve.query} if retrieve is not None and retrieve.on else set[str]()
    for index, given in enumerate(reading.front.inputs):
        if given.name not in reading.file.body.uses | braced | asked | sought:
            yield Fault(
                reading.key("inputs", index, "name"),
                f"the input '{given.name}' is used nowhere",
                f"Write {{{{ {given.name} }}}} where its value belongs, or take the input out.",
            )


def undescribed(reading: Reading) -> Iterator[Fault]:
    """An input that does not say what it is."""
    for index, given in enumerate(reading.front.inputs):
        if not given.description.strip():
            yield Fault(
                reading.key("inputs", index, "name"),
                f"the input '{given.name}' has no description",
                "Add a line such as: description: What the reader wants to know.",
            )


def unexampled(reading: Reading) -> Iterator[Fault]:
    """A required input that shows no value."""
    for index, given in enumerate(reading.front.inputs):
        if given.required and given.default is None and given.example is None:
            yield Fault(
                reading.key("inputs", index, "name"),
                f"the input '{given.name}' has no example",
                "Add a line such as: example: How long is a chunk?",
            )


def single_braces(reading: Reading) -> Iterator[Fault]:
    """The name of an input in other brackets than the two braces that work."""
    for name, written, where in _braced(reading):
        yield Fault(where, f"{written} is sent as it stands, without the value", f"Write {{{{ {name} }}}}.")


def _braced(reading: Reading) -> Iterator[tuple[str, str, str]]:
    """Each name in other brackets, how it is written, and where."""
    names = {*variables(reading.front)}
    for piece in reading.words:
        for found in (*_BRACED.finditer(piece.text), *_LOOK_ALIKE.finditer(piece.text)):
            name = next(group for group in found.groups() if group)
            if name in names:
                yield name, found[0], piece.at(found.start())


def repeated_slot(reading: Reading) -> Iterator[Fault]:
    """Retrieved text that is sent twice."""
    for first, second in combinations(reading.slots("retrieved", "tool"), 2):
        twice = [name for name in first.names if name in second.names]
        if twice and first.meets(second) and first.text.startswith("{{") and second.text.startswith("{{"):
            yield Fault(
                second.where,
                f"{second.text} stands in this prompt twice",
                "Keep one of the two; in the words, call it 'the passages'.",
            )
            return
