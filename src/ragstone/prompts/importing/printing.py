"""Writes a value as the original writes it: booleans and lists look different in each language."""

from __future__ import annotations

from collections.abc import Iterator

from ragstone.prompts.importing.losses import Losses
from ragstone.prompts.importing.nodes import Node, Print

__all__ = ["printed"]


def printed(expression: str, kind: str, items: str, *, python: bool, losses: Losses, where: str) -> Iterator[Node]:
    """A value of that kind as text. `python` is for languages that write True and 2.0, the others write true and 2."""
    if kind == "boolean" and python:
        # One that is not given is neither, and is written as nothing.
        yield Print(f"'True' if {expression} == true else 'False' if {expression} == false else ''")
    elif kind == "array" and python:
        losses.change(where, f"the list {expression!r} as text", "It is written line by line.")
        yield Print(expression)
    elif kind == "array":
        if items in ("boolean", "float"):
            losses.change(where, f"the list {expression!r} as text", "Numbers and true or false look as in Python.")
        yield Print(f"{expression} | join(',')")
    else:
        if kind == "float" and not python:
            losses.change(where, f"the number {expression!r} as text", "A number such as 2.0 is not shortened to 2.")
        yield Print(expression)
