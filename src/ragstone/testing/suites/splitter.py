"""The conformance suite of Splitter."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import pytest

from ragstone.protocols import Embedder, Splitter
from ragstone.testing.embedder import HashingEmbedder
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import Document, Piece, Span

__all__ = ["SplitterSuite", "check_pieces", "document_of"]

Block: TypeAlias = tuple[Literal["heading", "text", "table", "rows", "page", "slide"], str]

SPECIAL = 2  # tokens that an embedder puts around a text

TABLE = "id | fish | kg\n" + "\n".join(f"{number} | cod | {number}.5" for number in range(120))
CODE = "import re\n\n\nclass Cod:\n" + "\n".join(
    f"    # Swims {n} times.\n    def swim_{n}(self):\n        return self.swum + {n}\n" for n in range(60)
)
TEXTS = {
    "one word": "Cod",
    "English": "Cod swims far. It is a big fish, and it lives in the North Sea!\n\n" * 60,
    "Windows line ends": "Cod swims.\r\n\r\nEel too.\r\n" * 80,
    "Chinese": "鳕鱼游得很远。它是一种大鱼，生活在北海。" * 60,
    "Arabic": "يسبح سمك القد بعيدا. إنه سمكة كبيرة تعيش في بحر الشمال؟ " * 40,
    "Hindi": "कॉड मछली दूर तक तैरती है। यह उत्तरी सागर में रहती है। " * 40,
    "Thai": "ปลาค็อดว่ายน้ำไกลและอาศัยอยู่ในทะเลเหนือ" * 40,
    "emoji": "👩‍🚀🐟🏴‍☠️🇳🇴 " * 150,
    "a giant word": "x" * 6_000,
    "letters with marks": "a\u0300\u0323" * 900,
    "code": CODE,
    "half a character": "cod \ud800 swims " * 90,
}


class SplitterSuite(ConnectorSuite[Splitter]):
    """What every splitter does. `embedder` is the one that `make` gives the splitter.

    >>> class TestMySplitter(SplitterSuite):
    ...     def make(self, tmp_path: Path) -> Splitter:
    ...         return MySplitter(embedder=self.embedder)
    """

    embedder: ClassVar[Embedder] = HashingEmbedder()
    complete: ClassVar[bool] = True
    """Whether the pieces hold every character that is not whitespace."""

    async def exercise(self, connector: Splitter) -> None:
        connector.split(document_of([("text", TEXTS["English"])]))

    @pytest.mark.parametrize("script", TEXTS)
    async def test_the_pieces_of_a_text_are_in_order_not_blank_and_fit(self, connector: Splitter, script: str) -> None:
        self._check(connector, document_of([("text", TEXTS[script])]))

    @pytest.mark.parametrize("name", ["cod.py", "cod.md", "cod", "cod.csv", "archive.zip!/cod.rs"])
    async def test_the_pieces_of_any_file_do(self, connector: Splitter, name: str) -> None:
        self._check(connector, replace(document_of([("text", CODE)]), uri=name))

    async def test_the_pieces_of_a_document_with_spans_do(self, connector: Splitter) -> None:
        for end in ("\n", "\r\n"):
            self._check(connector, document_of(list(MIXED), end=end))

    async def test_a_blank_text_has_no_pieces(self, connector: Splitter) -> None:
        assert list(connector.split(document_of([("text", " \n\t ")]))) == []
        assert list(connector.split(document_of([]))) == []

    async def test_equal_documents_are_cut_equally(self, connector: Splitter, tmp_path: Path) -> None:
        document = document_of(list(MIXED))
        assert list(connector.split(document)) == list(connector.split(document))
        assert list(self.make(tmp_path).split(document)) == list(connector.split(document))
        assert self.make(tmp_path).fingerprint == connector.fingerprint

    async def test_the_embedder_takes_every_piece(self, connector: Splitter) -> None:
        document = document_of(list(MIXED))
        texts = [_embedded(document, piece) for piece in connector.split(document)]
        assert len(await self.embedder.embed(texts, context=CONTEXT)) == len(texts)

    def _check(self, splitter: Splitter, document: Document) -> None:
        check_pieces(document, splitter.split(document), self.embedder, complete=self.complete)


MIXED: tuple[Block, ...] = (
    ("heading", "# Fish"),
    ("text", TEXTS["English"]),
    ("heading", "## Weights"),
    ("text", "Table 1: what they weigh."),
    ("table", TABLE),
    ("text", TEXTS["Hindi"]),
    ("page", "The first page. " * 5),
    ("page", TEXTS["Chinese"]),
    ("heading", "### Empty"),
    ("heading", "# Slides"),
    ("slide", "One slide"),
    ("slide", "Another. " * 200),
    ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ("rows", '{"a": 1}\n{"a": 2}\n{"a": 3}'),
    ("text", "```\ncode = 1\n```"),
)


def document_of(blocks: Sequence[Block], *, end: str = "\n") -> Document:
    """A document of blocks with a blank line between them, each a range of its kind."""
    text, spans, headings = "", list[Span](), list[tuple[int, str]]()
    for kind, block in blocks:
        block = block.replace("\n", end)
        text += end * 2 if text else ""
        start, number = len(text), str(len(spans) + 1)
        text += block
        if kind == "heading":
            headings.append((start, block))
        elif kind == "rows":
            for row in block.split(end):
                spans.append(Span("row", start, start + len(row), number))
                start += len(row) + len(end)
        elif kind != "text":
            spans.append(Span(kind, start, len(text), number if kind != "table" else ""))
    for at, (start, heading) in enumerate(headings):
        level = len(heading) - len(heading.lstrip("#")) or 1
        below = (begun for begun, other in headings[at + 1 :] if len(other) - len(other.lstrip("#")) <= level)
        spans.append(Span("heading", start, next(below, len(text)), heading.strip("# "), level))
    return Document(
        id="d",
        source="s",
        uri="cod.md",
        title="Cod",
        media_type="text/markdown",
        text=text,
        content_hash="",
        spans=tuple(spans),
    )


def check_pieces(document: Document, pieces: Sequence[Piece], embedder: Embedder, *, complete: bool = True) -> None:
    """Asserts what holds for the pieces of any document, whatever cut it."""
    covered = bytearray(len(document.text))
    most = embedder.window - SPECIAL
    for piece in pieces:
        assert 0 <= piece.start < piece.end <= len(document.text)
        assert document.text[piece.start : piece.end].strip()
        ids = embedder.tokens(_embedded(document, piece))[0]
        assert len(ids) <= most
        assert piece.ids is None or piece.ids == tuple(ids), "the ids are those of context and text"
        if piece.parent is not None:
            assert piece.parent[0] <= piece.start < piece.end <= piece.parent[1] <= len(document.text)
        covered[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
    for before, after in pairwise(pieces):
        assert before.start < after.start
        assert before.end < after.end
    if complete:
        lost = [at for at, sign in enumerate(document.text) if not covered[at] and not sign.isspace()]
        assert not lost, document.text[lost[0] : lost[0] + 40]


def _embedded(document: Document, piece: Piece) -> str:
    text = document.text[piece.start : piece.end]
    return f"{piece.context}\n{text}" if piece.context else text
