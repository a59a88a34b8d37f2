from __future__ import annotations

from ragstone.ingestion.splitters.page import PageSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import document_of


def cut(*blocks: tuple[str, str], size: int = 20) -> list[str]:
    document = document_of(blocks)  # pyright: ignore[reportArgumentType]
    pieces = PageSplitter(embedder=HashingEmbedder(), size=size).split(document)
    return [document.text[piece.start : piece.end] for piece in pieces]


def test_a_page_or_a_slide_is_a_piece_whatever_stands_on_it() -> None:
    assert cut(("page", "One.\n\n# Two\n\nThree."), ("slide", "Four."), ("page", "")) == [
        "One.\n\n# Two\n\nThree.",
        "Four.",
    ]


def test_a_page_that_does_not_fit_is_cut_and_joins_no_other() -> None:
    assert cut(("page", "One cod. " * 9), ("page", "Two."), size=15) == [
        "One cod. " * 4 + "One cod.",
        "One cod. " * 3 + "One cod.",
        "Two.",
    ]


def test_what_stands_between_pages_is_kept() -> None:
    assert cut(("text", "Before."), ("page", "One."), ("text", "After.")) == ["Before.", "One.", "After."]
