"""Who may see a file by its own front matter. Sidecars are tested with the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.connectors.files import FilesSource, FrontMatter
from ragstone.errors import ParseError
from ragstone.types import Context, Item

FRONT_MATTER = FrontMatter.model_validate({"from": "front-matter"})


async def only(folder: Path, name: str, text: bytes) -> Item:
    (folder / name).write_bytes(text)
    source = FilesSource(folder, folder, acl=FRONT_MATTER)
    assert source.protected
    (item,) = [item async for item in source.items(context=Context())]
    return item


@pytest.mark.parametrize(
    ("name", "text", "readers"),
    [
        ("a.md", b"---\ntitle: Pay\nallow: [group:hr, anna]\n---\n# Pay", ("group:hr", "anna")),
        ("a.MD", b"\xef\xbb\xbf---\r\nallow: [anna]\r\n---\r\n", ("anna",)),
        ("a.markdown", b"---\nallow: [public]\n...", ("public",)),
        ("a.md", b"---\ntitle: Pay\n---\n", ()),
        ("a.md", b"---\nallow: []\n---\n", ()),
        ("a.md", b"# Pay\n---\nallow: [anna]\n---\n", ()),
        ("a.md", b"---\nallow: [anna]\n", ()),
        ("a.md", b"---\n" + b"#" * 70_000 + b"\nallow: [anna]\n---\n", ()),
        ("a.txt", b"---\nallow: [anna]\n---\n", ()),
    ],
)
async def test_front_matter_says_who_may_see_its_file_and_without_it_nobody_may(
    tmp_path: Path, name: str, text: bytes, readers: tuple[str, ...]
) -> None:
    item = await only(tmp_path, name, text)
    assert (item.acl, item.read()) == (readers, text)


@pytest.mark.parametrize("rules", [b"allow: anna", b"allow: [1]", b"allow: [", b"allow: \xff", b"- allow"])
async def test_with_faulty_front_matter_nobody_sees_the_file_and_reading_it_says_why(
    tmp_path: Path, rules: bytes
) -> None:
    item = await only(tmp_path, "a.md", b"---\n" + rules + b"\n---\n")
    assert item.acl == ()
    with pytest.raises(ParseError, match=r"a\.md: nobody may see it, since its front matter is faulty: "):
        item.read()
