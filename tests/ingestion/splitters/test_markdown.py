from __future__ import annotations

import pytest

from ragstone.errors import ConfigError
from ragstone.ingestion.parsers.markdown import MarkdownParser
from ragstone.ingestion.splitters.markdown import MarkdownSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import document_of
from ragstone.types import Document

TEXT = "# A\n\nCod.\n\n## B\n\nEel.\n\n### C\n\nRay.\n\n## D\n\n### E\n\nTen."


def cut(text: str, *, level: int = 2, size: int = 100) -> list[str]:
    parsed = MarkdownParser().parse(text.encode(), uri="cod.md")
    document = Document(
        id="d", source="s", uri="u", title="", media_type="text/markdown", text=text, content_hash="",
        spans=parsed.spans,
    )  # fmt: skip
    pieces = MarkdownSplitter(embedder=HashingEmbedder(), level=level, size=size).split(document)
    return [text[piece.start : piece.end] for piece in pieces]


@pytest.mark.parametrize(
    ("level", "pieces"),
    [
        (1, [TEXT]),
        (2, ["# A\n\nCod.", "## B\n\nEel.\n\n### C\n\nRay.", "## D\n\n### E\n\nTen."]),
        (3, ["# A\n\nCod.", "## B\n\nEel.", "### C\n\nRay.", "## D\n\n### E\n\nTen."]),
    ],
)
def test_a_section_is_a_piece(level: int, pieces: list[str]) -> None:
    assert cut(TEXT, level=level) == pieces


def test_code_stays_whole_in_a_section_that_does_not_fit() -> None:
    code = "```\n" + "swim()\n" * 4 + "```"
    found = cut(f"# A\n\n{'Cod swims. ' * 9}\n\n{code}\n\n{'Eel too. ' * 9}", size=30)
    assert any(code in piece for piece in found)


def test_a_table_stays_whole_in_a_section_that_does_not_fit() -> None:
    table = "name | kg\ncod | 3\neel | 2"
    document = document_of([("heading", "# A"), ("text", "Cod swims. " * 9), ("table", table), ("text", "End. " * 9)])
    pieces = MarkdownSplitter(embedder=HashingEmbedder(), size=30).split(document)
    assert table in [document.text[piece.start : piece.end] for piece in pieces]


@pytest.mark.parametrize("level", [0, 7])
def test_a_level_out_of_range_is_refused(level: int) -> None:
    with pytest.raises(ConfigError, match="level is out of range: expected 1 to 6"):
        MarkdownSplitter(embedder=HashingEmbedder(), level=level)
