"""Ragstone and its peers as programs that ingest documents and search them, each as its documentation shows.

A peer is made with the folder in which it may keep an index, and with an embedder: none is its own, with the same
weights as ours (all-MiniLM-L6-v2 through sentence-transformers and torch). What it is given is text already. Each of
them has these methods, and imports its package when it is made:

    load()                  loads the embedder, which no row counts as ingestion
    ingest(documents)       splits, embeds and stores; returns the pieces
    search(question, k)     the best pieces by vectors
    hybrid(question, k)     the best pieces by the hybrid search that it ships, where it ships one
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CHARACTERS", "Document", "Embed", "Piece", "peer"]

CHARACTERS = 800
"""The length of a peer's chunk."""

Embed = Callable[[Sequence[str]], list[list[float]]]


class Document(NamedTuple):
    """A text and the name of its document."""

    name: str
    text: str


class Piece(NamedTuple):
    """A chunk: the name of its document, where in it it starts (-1 where the peer does not say), and its text."""

    document: str
    start: int
    text: str


def peer(name: str, folder: Path, embed: Embed | None = None, **settings: Any) -> Any:
    """The peer of this name: langchain, llamaindex, haystack or txtai, which takes `hybrid=True`."""
    return import_module(f"rows.frameworks.{name}").Peer(folder, embed, **settings)
