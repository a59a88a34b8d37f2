"""The page on caching shows what its commands print."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
CACHING = runpy.run_path(str(DOCS / "caching.py"))
TEXT = (DOCS / "caching.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_commands_print() -> None:
    assert len(CACHING["BLOCK"].findall(TEXT)) == 2
    assert CACHING["alike"](CACHING["page"](), TEXT), "Run: make docs"


def test_another_figure_is_noticed() -> None:
    assert CACHING["alike"]("3 hits, made 2 seconds ago", "3 hits, made 1 second ago")
    assert not CACHING["alike"]("3 hits, made 2 seconds ago", "2 hits, made 2 seconds ago")
