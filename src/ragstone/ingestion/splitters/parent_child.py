"""Small pieces to search, each within a larger range to read.

split: {by: parent_child, size: 100, parent_size: 400}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.cutting import SizedSplitter
from ragstone.ingestion.splitters.tokens import sectioned
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece

__all__ = ["ParentChildSplitter"]


class ParentChildSplitter(SizedSplitter):
    """Cuts as `tokens` cuts, first into parents of at most `parent_size` tokens, then each of them into children.

    Only children are embedded, so a parent may be longer than the embedder's window. What is found is a child, and what
    a model reads is its parent.
    """

    def __init__(self, *, embedder: Embedder, size: int = 100, parent_size: int = 400) -> None:
        super().__init__(embedder=embedder, size=size)
        if parent_size < size:
            raise ConfigError(
                "parent_size is out of range", expected=f"{size}, the size, or more", found=str(parent_size)
            )
        self.parent_size = parent_size

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("parent_child", self.parent_size)

    def split(self, document: Document) -> Sequence[Piece]:
        """The children in order; together they hold every character that is not whitespace."""
        children, parents = self.cutter(document), self.cutter(document, size=self.parent_size)
        return [
            replace(child, parent=(parent.start, parent.end))
            for parent in sectioned(parents, document)
            for child in children.cut(parent.start, parent.end)
        ]
