"""The worked example shows what its commands print, and its report is a page that asks nobody for anything."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_page_shows_what_its_commands_print(tmp_path: Path) -> None:
    page = runpy.run_path(str(DOCS / "did_it_help.py"))["page"]
    assert page(tmp_path) == (DOCS / "did-it-help.md").read_text(encoding="utf-8"), "Run: make docs"
    html = next((tmp_path / "ferries" / ".ragstone" / "evals").glob("ferries-*/*.html")).read_text(encoding="utf-8")
    assert "<svg" in html
    assert re.findall(r"""(?:src|href)=["']?(?!#)[^"'\s>]+""", html) == []


def test_there_are_forty_cases() -> None:
    cases = runpy.run_path(str(DOCS / "did_it_help.py"))["cases"]()
    assert len(cases) == 40
    assert sum("abstains" in case for case in cases) == 8
