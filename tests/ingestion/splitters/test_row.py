from __future__ import annotations

import pytest

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.row import RowSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import document_of

TABLE = "name | kg\ncod | 3\neel | 2\nray | 9"


def cut(*blocks: tuple[str, str], rows: int = 1, size: int = 30) -> list[str]:
    document = document_of(blocks)  # pyright: ignore[reportArgumentType]
    pieces = RowSplitter(embedder=HashingEmbedder(), rows=rows, size=size).split(document)
    texts = [document.text[piece.start : piece.end] for piece in pieces]
    return [f"{piece.context} → {text}" if piece.context else text for piece, text in zip(pieces, texts, strict=True)]


def test_a_row_is_a_piece_under_its_header() -> None:
    assert cut(("table", TABLE)) == ["name | kg\ncod | 3", "name | kg → eel | 2", "name | kg → ray | 9"]


def test_several_rows_are_put_together() -> None:
    assert cut(("table", TABLE), rows=2) == ["name | kg\ncod | 3\neel | 2", "name | kg → ray | 9"]


def test_a_caption_stays_with_the_first_row() -> None:
    assert cut(("text", "Fish:"), ("table", TABLE), rows=3) == [f"Fish:\n\n{TABLE}"]


def test_rows_outside_of_a_table_and_text_between_them_are_pieces() -> None:
    records = '{"a": 1}\n{"a": 2}\n{"a": 3}'
    assert cut(("text", "Before."), ("rows", records), ("text", "After."), rows=2) == [
        "Before.",
        '{"a": 1}\n{"a": 2}',
        '{"a": 3}',
        "After.",
    ]


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="rows is out of range: expected 1 or more, found 0"):
        RowSplitter(embedder=HashingEmbedder(), rows=0)
