"""The handbook is large enough to ask, and hangs together."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
SOURCES = sorted((ROOT / "docs" / "sources").glob("*.md"))
LINK = re.compile(r"\]\(([^)#]+)\)")


def test_there_are_pages_enough() -> None:
    assert len(PAGES) >= 22


@pytest.mark.parametrize("page", [*PAGES, *SOURCES], ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).is_file()]
    assert missing == []


def test_the_contents_name_every_page() -> None:
    named = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    assert named == {page.name for page in PAGES} - {"index.md"} | {"glossary.html", "field-guide.pdf"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title_and_skips_no_level(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_questions_name_pages_that_are_there() -> None:
    lines = (Path(__file__).parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    assert len(cases) >= 12
    assert all((ROOT / case["uri"]).is_file() for case in cases)
