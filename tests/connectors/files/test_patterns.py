"""What a `.ragstoneignore` hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.connectors.files import FilesSource
from ragstone.errors import SourceUnavailable
from ragstone.types import Context

FILES = ("a.md", "drafts/b.md", "x/drafts/c.md", "x/d.MD", "x/keep.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("cod")
    return tmp_path / "documents"


@pytest.mark.parametrize(
    ("rules", "hidden"),
    [
        ("", set()),
        ("# all\n\n   \n", set()),
        ("drafts/", {"drafts/b.md", "x/drafts/c.md"}),
        ("/drafts", {"drafts/b.md"}),
        ("a.md/", set()),
        ("x/*.md", {"x/d.MD", "x/keep.md"}),
        ("x/**", {"x/drafts/c.md", "x/d.MD", "x/keep.md"}),
        ("*.md\n!keep.md", {"a.md", "drafts/b.md", "x/drafts/c.md", "x/d.MD"}),
        ("x\n!x/keep.md", {"x/drafts/c.md", "x/d.MD", "x/keep.md"}),
        ("\ufeff**/c.md\r\nD.md", {"x/drafts/c.md", "x/d.MD"}),
    ],
)
async def test_an_ignore_file_hides_what_it_names(folder: Path, rules: str, hidden: set[str]) -> None:
    (folder / ".ragstoneignore").write_text(rules, encoding="utf-8", newline="")
    found = [item.uri async for item in FilesSource(folder, folder).items(context=Context())]
    assert set(found) == set(FILES) - hidden


async def test_an_ignore_file_that_cannot_be_read_lists_nothing(folder: Path) -> None:
    (folder / ".ragstoneignore").write_bytes(b"\xff")
    with pytest.raises(SourceUnavailable, match=r"\.ragstoneignore: cannot be read"):
        _ = [item async for item in FilesSource(folder, folder).items(context=Context())]
