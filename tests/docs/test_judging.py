"""The page on judges shows what runs of the commands print."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_page_shows_what_runs_print() -> None:
    page = runpy.run_path(str(DOCS / "judging.py"))["page"]
    assert page() == (DOCS / "judging-answers.md").read_text(encoding="utf-8"), "Run: make docs"
