from __future__ import annotations

import pytest

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.sentences import SentenceSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import document_of

FIVE = "One cod. Two cod. Three cod. Four cod. Five cod."


def cut(*blocks: tuple[str, str], size: int = 40, **keys: int) -> list[str]:
    document = document_of(blocks)  # pyright: ignore[reportArgumentType]
    pieces = SentenceSplitter(embedder=HashingEmbedder(), size=size, **keys).split(document)
    return [document.text[piece.start : piece.end] for piece in pieces]


def test_so_many_sentences_are_put_together() -> None:
    assert cut(("text", FIVE), sentences=2) == ["One cod. Two cod.", "Three cod. Four cod.", "Five cod."]


def test_without_a_number_as_many_as_fit() -> None:
    assert cut(("text", FIVE), size=10) == ["One cod. Two cod. Three cod.", "Four cod. Five cod."]


def test_neighbours_share_sentences() -> None:
    assert cut(("text", FIVE), sentences=3, overlap=1) == [
        "One cod. Two cod. Three cod.",
        "Three cod. Four cod. Five cod.",
    ]


def test_a_heading_begins_a_piece_and_does_not_count() -> None:
    assert cut(("text", "One cod."), ("heading", "# Eel"), ("text", "Two eel. Three eel."), sentences=2) == [
        "One cod.",
        "# Eel\n\nTwo eel. Three eel.",
    ]


def test_a_sentence_that_does_not_fit_is_cut_between_words() -> None:
    assert cut(("text", "cod " * 16 + "end."), size=9) == ["cod " * 8 + "cod", "cod " * 7 + "end."]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"sentences": 0}, "sentences is out of range"),
        ({"sentences": 2, "overlap": 2}, "expected 0 to 1"),
        ({"overlap": -1}, "0 or more"),
    ],
)
def test_settings_out_of_range_are_refused(keys: dict[str, int], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        SentenceSplitter(embedder=HashingEmbedder(), **keys)
