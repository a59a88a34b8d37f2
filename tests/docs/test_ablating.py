"""The page on ablation shows what a run of the command prints."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_page_shows_what_a_run_prints() -> None:
    page = runpy.run_path(str(DOCS / "ablating.py"))["page"]
    assert page() == (DOCS / "ablation.md").read_text(encoding="utf-8"), "Run: make docs"
