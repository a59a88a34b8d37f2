from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.ingestion.splitters import breaks
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.protocols import Embedder
from ragstone.testing import HashingEmbedder
from ragstone.types import Document, Piece, Span

MINILM = OpenVINOEmbedder(download=False)
HEADER = "name | kg"


def document(*blocks: str, rows: bool = False) -> Document:
    """Blocks with a blank line between them; one of several lines with bars is a table, one with a # a heading."""
    text, spans = "", list[Span]()
    for block in blocks:
        text += "\n\n" if text else ""
        if "|" in block:
            spans.append(Span("table", len(text), len(text) + len(block), ""))
            if rows:
                starts = [found.start() for found in re.finditer(r"^(?!\t)", block, re.MULTILINE)]
                spans += [
                    Span("row", len(text) + start, len(text) + end, str(number))
                    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(block)], strict=True), 1)
                ]
        elif block.startswith("#"):
            spans.append(Span("heading", len(text), len(text) + 1, block.strip("# "), block.count("#")))
        text += block
    return Document(
        id="d", source="s", uri="cod.csv", title="", media_type="text/csv", text=text, content_hash="",
        spans=tuple(spans),
    )  # fmt: skip


def table(rows: int, row: str = "cod | {}") -> str:
    return "\n".join([HEADER, *(row.format(number) for number in range(rows))])


def cut(whole: Document, *, size: int, embedder: Embedder | None = None) -> list[Piece]:
    return list(TokenSplitter(embedder=embedder or HashingEmbedder(), size=size).split(whole))


def said(whole: Document, pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    return [(piece.context, whole.text[piece.start : piece.end]) for piece in pieces]


def test_a_table_that_fits_is_one_piece_alone() -> None:
    whole = document("Cod swims far.\nIt is big.", table(3), "Eel too.")
    assert said(whole, cut(whole, size=30)) == [("", "Cod swims far.\nIt is big."), ("", table(3)), ("", "Eel too.")]


@pytest.mark.parametrize("above", [["# Cod"], ["# Cod", "## Big"], ["Table 1: fish."], ["# Cod", "Table 1: fish."]])
def test_headings_and_a_caption_stay_with_their_table(above: list[str]) -> None:
    whole = document("A long text. " * 8 + "The end.", *above, table(3))
    assert said(whole, cut(whole, size=40))[-1] == ("", "\n\n".join([*above, table(3)]))


def test_a_heading_that_does_not_fit_with_the_table_stands_alone() -> None:
    whole = document("# Cod", table(3))
    assert said(whole, cut(whole, size=12)) == [("", "# Cod"), ("", table(3))]


def test_the_last_line_of_a_paragraph_is_no_caption() -> None:
    whole = document("Cod swims.\nEel too.", table(2))
    assert said(whole, cut(whole, size=30)) == [("", "Cod swims.\nEel too."), ("", table(2))]


def test_a_larger_table_is_cut_between_rows_and_repeats_its_header() -> None:
    whole = document(table(5))
    assert said(whole, cut(whole, size=9)) == [
        ("", f"{HEADER}\ncod | 0\ncod | 1"),
        (HEADER, "cod | 2\ncod | 3"),
        (HEADER, "cod | 4"),
    ]


def test_the_delimiter_of_a_markdown_table_belongs_to_its_header() -> None:
    header = "| name | kg |\n|---|:-:|"
    whole = document("\n".join([header, *("| cod | 3 |" for _ in range(6))]))
    found = said(whole, cut(whole, size=40))
    assert len(found) > 1
    assert {context for context, _ in found[1:]} == {header}


def test_a_row_that_is_too_long_is_cut_like_text_under_its_header() -> None:
    whole = document(table(1) + "\ncod | " + "big " * 30)
    found = said(whole, cut(whole, size=12))
    assert {context for context, _ in found[1:]} == {HEADER}
    assert sum(text.count("big") for _, text in found) == 30


def test_a_header_that_would_leave_no_room_is_not_repeated() -> None:
    whole = document("a | b | c | d | e | f | g\n" + "\n".join("1 | 2 | 3" for _ in range(9)))
    assert {piece.context for piece in cut(whole, size=14)} == {""}


def test_rows_that_the_parser_marked_may_hold_line_breaks() -> None:
    row = "cod | a\n\tb\n\tc"
    whole = document("\n".join([HEADER, *[row] * 6]), rows=True)
    found = cut(whole, size=11)
    assert len(found) == 6
    assert all(whole.text[piece.start : piece.end].endswith(row) for piece in found)


def test_a_table_of_several_stretches_is_read_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(HashingEmbedder):
        read = 0

        def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
            self.read += len(text)
            return super().tokens(text)

    monkeypatch.setattr(breaks, "STRETCH", 1_000)
    whole, embedder = document(table(2_000)), Counting()
    found = cut(whole, size=60, embedder=embedder)
    assert all(piece.context == HEADER for piece in found[1:])
    assert embedder.read < 1.3 * len(whole.text)


cells = st.sampled_from(["", "cod", "中文", "x" * 40, "a b c d e f", "👩‍🚀", "हिन्दी", "العربية", "3.5"])


@given(
    st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=25),
    st.integers(8, 40),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_ids_of_any_table_are_those_of_context_and_text(rows: list[list[str]], size: int, end: str) -> None:
    text = end.join(" | ".join(row) for row in rows)
    whole = Document(
        id="d", source="s", uri="u", title="", media_type="text/csv", text=text, content_hash="",
        spans=(Span("table", 0, len(text), ""),),
    )  # fmt: skip
    covered = bytearray(len(text))
    for piece in TokenSplitter(embedder=MINILM, size=size).split(whole):
        part = text[piece.start : piece.end]
        embedded = f"{piece.context}\n{part}" if piece.context else part
        assert piece.ids == tuple(MINILM.tokens(embedded)[0])
        assert len(piece.ids) <= size
        covered[piece.start : piece.end] = b"\1" * len(part)
    assert all(covered[at] or sign.isspace() for at, sign in enumerate(text))
