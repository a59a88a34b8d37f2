"""The page on metrics says what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_that_of_the_code() -> None:
    page = runpy.run_path(str(DOCS / "metrics.py"))["page"]
    assert page() == (DOCS / "metrics.md").read_text(encoding="utf-8"), "Run: make docs"
