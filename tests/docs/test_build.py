"""The HTML page and the PDF of the handbook are what their sources say."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pypdfium2
import pytest

DOCS = Path(__file__).parents[2] / "docs"
BUILD = runpy.run_path(str(DOCS / "build.py"))


@pytest.mark.parametrize("target", BUILD["MADE_FROM"])
def test_what_is_committed_is_what_the_source_makes(target: str) -> None:
    assert (DOCS / target).read_bytes() == BUILD["build"](target), "Run: make docs"


def test_every_source_is_built() -> None:
    assert {path.name for path in (DOCS / "sources").iterdir()} == {source for source, _ in BUILD["MADE_FROM"].values()}


def test_the_page_is_well_formed_and_keeps_its_text_in_main() -> None:
    page = ET.fromstring((DOCS / "glossary.html").read_text(encoding="utf-8"))
    assert [child.tag for child in page.find("body") or ()] == ["main"]
    assert page.find("body/main/table") is not None


def test_a_title_is_escaped() -> None:
    page = ET.fromstring(BUILD["html_page"]("# Fish & <chips>\n\nText.\n").decode())
    assert page.findtext("head/title") == "Fish & <chips>"
    assert page.findtext("body/main/h1") == "Fish & <chips>"


def test_the_pdf_holds_its_source_as_text() -> None:
    with pypdfium2.PdfDocument(DOCS / "field-guide.pdf") as pdf:
        pages = [pdf[index].get_textpage().get_text_range() for index in range(len(pdf))]
    source = (DOCS / "sources" / "field-guide.md").read_text(encoding="utf-8")
    said = " ".join(" ".join(pages).split())
    for line in filter(None, source.splitlines()):
        assert line.lstrip("#- 0123456789.") in said
    assert 2 <= len(pages) <= 4


def test_each_heading_of_the_pdf_has_a_bookmark_on_its_page() -> None:
    source = (DOCS / "sources" / "field-guide.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", source, re.MULTILINE)
    with pypdfium2.PdfDocument(DOCS / "field-guide.pdf") as pdf:
        marks = [(mark.get_title(), mark.get_dest()) for mark in pdf.get_toc()]
        assert [title for title, _ in marks] == headings
        for title, place in marks:
            assert place is not None
            index = place.get_index()
            assert index is not None
            assert title in pdf[index].get_textpage().get_text_range()
