"""The page for people who do not program shows what really happens."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EDITING = runpy.run_path(str(ROOT / "docs" / "editing.py"))
TEXT = (ROOT / "docs" / "edit-a-prompt.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_shows_what_a_run_of_it_prints() -> None:
    assert EDITING["page"]() == TEXT, "Run: make docs"


def test_each_line_that_a_reader_shall_find_stands_in_the_shipped_prompt() -> None:
    prompt = (ROOT / "prompts" / "answer.prompty").read_text(encoding="utf-8")
    changes = [found["inside"] for found in EDITING["BLOCK"].finditer(TEXT) if found["language"] == "diff"]
    assert len(changes) >= 2
    for change in changes:
        old, new = ("".join(f"{line[1:]}\n" for line in change.splitlines() if line[0] == sign) for sign in "-+")
        assert prompt.count(old) == 1
        prompt = prompt.replace(old, new)


def test_every_command_of_the_page_has_an_output() -> None:
    blocks = [found["inside"] for found in EDITING["BLOCK"].finditer(TEXT) if found["language"] == "console"]
    assert len(blocks) >= 6
    assert all(len(block.splitlines()) > 1 for block in blocks)
