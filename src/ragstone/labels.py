"""Labels of trust: how far the words of a document are trusted, from its source to what a model is told.

A source says it (`trust:` in its file), and nothing else does. The label stands in the metadata of each document, so it
is found again on every chunk, in every filter and in every trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from ragstone.types import Metadata, Trust

__all__ = ["KEY", "TRUSTED", "labelled", "trust_of"]

KEY = "trust"

TRUSTED: tuple[Trust, ...] = ("author", "user")
"""Whose words may hold what an answer may repeat: those of a retrieved text or of a tool may be anyone's."""


def trust_of(metadata: Mapping[str, Any]) -> Trust:
    """How far a text with these metadata is trusted: as a retrieved one, where nothing that makes sense is said.

    >>> trust_of({"trust": "author"}), trust_of({"trust": "blind"}), trust_of({})
    ('author', 'retrieved', 'retrieved')
    """
    said = metadata.get(KEY)
    return cast("Trust", said) if said in get_args(Trust) else "retrieved"


def labelled(metadata: Mapping[str, Any], trust: Trust) -> Metadata:
    """The metadata with this label, whatever they said of it before; the usual one needs no words."""
    others = {key: value for key, value in metadata.items() if key != KEY}
    return others if trust == "retrieved" else {**others, KEY: trust}
