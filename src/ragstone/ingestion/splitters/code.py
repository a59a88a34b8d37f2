"""Whole functions and classes of a source file.

split: {by: code, size: 250}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tree_sitter_language_pack import get_parser

from ragstone.ingestion.splitters.cutting import Cutter, Said, SizedSplitter, Tokens
from ragstone.ingestion.splitters.languages import language_of
from ragstone.ingestion.splitters.tokens import sectioned
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["CodeSplitter"]

TINY = 0.15  # of the size: a definition below this goes with its neighbours
DEEPEST = 40  # definitions and statements inside one another; what lies deeper is cut like text
HEADER = 200  # characters of a class's first line that are said before its methods

_DEFINITION = re.compile(
    r"function|method|class|struct|enum|interface|trait|impl|module|namespace|constructor|object|protocol|extension"
)
_WRAPPER = re.compile(r"decorated|export|template|ambient")
_LEADING = re.compile(r"comment|decorator|annotation|attribute")  # what is about the definition that it stands before
_WORD = re.compile(r"\w")


class CodeSplitter(SizedSplitter):
    """Cuts between the definitions of a source file; one that fits is whole, with its comments and decorators.

    A class that does not fit is cut between its methods, and its first line is the context of each piece after the
    first; a function that does not fit, between its statements. A file whose language is not known, by the end of its
    name, is cut as `tokens` cuts. Tree-sitter reads it, so a file with mistakes is cut too.
    """

    def __init__(self, *, embedder: Embedder, size: int = 200) -> None:
        super().__init__(embedder=embedder, size=size)

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("code", 1)

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        cutter, language = self.cutter(document), language_of(document.uri.split("!/")[-1])
        if language is None:
            return list(sectioned(cutter, document))
        return list(_Code(cutter, language).pieces())


@dataclass(frozen=True, slots=True)
class _Unit:
    """A range that is cut last: a statement or a definition, with the comments before it; or a definition's head."""

    start: int
    end: int
    node: Node | None
    leading: bool = False


class _Code:
    """A source file, read once."""

    def __init__(self, cutter: Cutter, language: str) -> None:
        import numpy as np

        self.cutter, self.text = cutter, cutter.text
        data = self.text.encode("utf-8", "surrogatepass")
        self.tokens = cutter.all_tokens()
        self._root = get_parser(language).parse(data).root_node  # pyright: ignore[reportArgumentType]
        firsts = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80  # of the bytes of each character
        self._characters = None if data.isascii() else np.concatenate(([0], np.cumsum(firsts)))

    def pieces(self) -> Iterator[Piece]:
        """The pieces of the whole file."""
        return self._cut(_Unit(0, len(self.text), self._root), (), DEEPEST)

    def _at(self, byte: int) -> int:
        """The character that begins at a byte."""
        return byte if self._characters is None else int(self._characters[byte])

    def _cut(self, unit: _Unit, headers: tuple[str, ...], depth: int) -> Iterator[Piece]:
        """The pieces of a unit that stands inside definitions with these first lines."""
        outer = self._said(headers)
        tokens = self._room(outer)
        if tokens.fits(unit.start, unit.end):
            yield from self.cutter.pieces(tokens, unit.start, unit.end, outer)
            return
        found, parts = self._parts(unit.node)
        units = self._units(unit, parts) if depth else []
        if len(units) < 2:
            yield from self.cutter.prose(unit.start, unit.end, outer)
            return
        inner = (*headers, self._header(found)) if found is not None else headers
        said = self._said(inner)
        tokens = self._room(said)
        for first, last in self._packed(units, tokens):
            begins = first.start == unit.start  # with the line that the others have as their context
            if first is last and not tokens.fits(first.start, first.end):
                yield from self._cut(first, headers if begins else inner, depth - 1)
            else:
                around = outer if begins else said
                yield from self.cutter.pieces(self._room(around), first.start, last.end, around)

    def _packed(self, units: Sequence[_Unit], tokens: Tokens) -> Iterator[tuple[_Unit, _Unit]]:
        """Runs of units, by first and last: as many statements as fit, and a definition alone unless it is tiny."""

        def joins(unit: _Unit) -> bool:
            return _definition(unit.node) is None or tokens.count(unit.start, unit.end) < tokens.size * TINY

        first = last = units[0]
        for unit in units[1:]:
            if joins(last) and joins(unit) and tokens.fits(first.start, unit.end):
                last = unit
                continue
            yield first, last
            first = last = unit
        yield first, last

    def _units(self, unit: _Unit, parts: Sequence[Node]) -> list[_Unit]:
        """What a unit is made of, each part beginning on a line of its own. They make up its whole range."""
        starts: list[int] = [unit.start]
        nodes: list[Node | None] = [None]
        for node in parts:
            start = self._at(node.start_byte)
            line = max(self.text.rfind("\n", unit.start, start), self.text.rfind("\r", unit.start, start)) + 1
            if start == unit.start:
                nodes[0] = node
            elif starts[-1] < start < unit.end and not self.text[max(line, unit.start) : start].strip():
                starts.append(start)
                nodes.append(node)
        return self._attached([_Unit(*each) for each in zip(starts, [*starts[1:], unit.end], nodes, strict=True)])

    def _parts(self, node: Node | None) -> tuple[Node | None, list[Node]]:
        """The children of a node, of a definition those of its body; what stands on one line gives way to its own.

        With the definition that they are in, where there is one.
        """
        inside: Node | None = None
        while node is not None:
            found = _definition(node)
            inside = found or inside
            body = found.child_by_field_name("body") if found is not None else None
            parts = body.children if body is not None else node.children
            if not parts or len({part.start_point.row for part in parts}) > 1:
                return inside, parts
            node = max(parts, key=lambda part: part.end_byte - part.start_byte)
        return None, []

    def _attached(self, units: Sequence[_Unit]) -> list[_Unit]:
        """The units, each comment and decorator joined to what follows, and a closing brace to what it closes."""
        found: list[_Unit] = []
        for unit in units:
            last = found[-1] if found else None
            if last is not None and (last.leading or not _WORD.search(self.text, unit.start, unit.end)):
                node = unit.node if last.leading else last.node
                found[-1] = _Unit(last.start, unit.end, node, last.leading and self._leads(unit))
            else:
                found.append(_Unit(unit.start, unit.end, unit.node, self._leads(unit)))
        return found

    def _leads(self, unit: _Unit) -> bool:
        """Whether it is a comment or the like, right before the next line."""
        if unit.node is None or not _LEADING.search(unit.node.type):
            return False
        return self.text.count("\n", self._at(unit.node.end_byte), unit.end) < 2

    def _header(self, node: Node) -> str:
        """The first line of a definition."""
        start = self._at(node.start_byte)
        return self.text[start : start + HEADER].splitlines()[0].strip()

    def _said(self, headers: Sequence[str]) -> Said | None:
        return self.cutter.said("\n".join(headers))

    def _room(self, said: Said | None) -> Tokens:
        return self.tokens.narrowed(self.cutter.size - len(said.ids)) if said else self.tokens


def _definition(node: Node | None) -> Node | None:
    """The function, class or the like that a node is or holds, as an exported or decorated one; else None."""
    if node is None:
        return None
    while _WRAPPER.search(node.type) and node.child_by_field_name("body") is None:
        named = [
            child for child in node.named_children if _WRAPPER.search(child.type) or _DEFINITION.search(child.type)
        ]
        if not named:
            return None
        node = named[-1]
    return node if _DEFINITION.search(node.type) and node.child_by_field_name("body") is not None else None
