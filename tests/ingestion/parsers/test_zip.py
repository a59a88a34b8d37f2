from __future__ import annotations

import io
import stat
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.zip import ZipParser


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, data in members:
            file.writestr(name, data)
    return made.getvalue()


def names(data: bytes) -> list[str]:
    return [child.name for child in ZipParser().parse(data, uri="a.zip").children]


def test_its_files_are_children() -> None:
    found = ZipParser().parse(archive(("fish/cod.txt", b"cod"), ("eel.md", b"# Eel")), uri="docs/fish.zip")
    assert [(child.name, child.data) for child in found.children] == [("fish/cod.txt", b"cod"), ("eel.md", b"# Eel")]
    assert (found.text, found.media_type, found.title) == ("", "application/zip", "Fish")


def test_folders_links_leftovers_and_empty_files_are_left_out() -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    made = archive(
        ("fish/", b""),
        (link, b"/etc/passwd"),
        ("__MACOSX/._cod", b"x"),
        ("fish/.DS_Store", b"x"),
        ("empty", b""),
        ("cod", b"x"),
    )
    assert names(made) == ["cod"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\fish\\cod.txt", "fish/cod.txt"),
        ("a/./b//c", "a/b/c"),
        ("a\n\x1b[1m.txt", "a[1m.txt"),
        ("..", "unnamed"),
        ("Köder.txt", "Köder.txt"),
    ],
)
def test_names_lead_nowhere_else(name: str, safe: str) -> None:
    assert names(archive((name, b"x"))) == [safe]


def test_a_name_in_utf_8_without_the_flag_is_read() -> None:
    assert names(archive(("aaaaa.txt", b"x")).replace(b"aaaaa.txt", "Köde.txt".encode())) == ["Köde.txt"]


def test_too_many_files_are_refused() -> None:
    with pytest.raises(ParseError, match=r"holds too many files: expected at most 2, found 3"):
        ZipParser(max_files=2).parse(archive(*((str(n), b"x") for n in range(3))), uri="a.zip")


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(ParseError, match=r"unpacks to too much: expected at most 10 bytes"):
        ZipParser(max_total_bytes=10).parse(archive(("a", b"123456"), ("b", b"123456")), uri="a.zip")


def test_a_bomb_is_refused_by_its_ratio() -> None:
    with pytest.raises(ParseError, match="packed too tightly to be honest: bomb"):
        ZipParser().parse(archive(("bomb", bytes(3_000_000))), uri="a.zip")


def test_a_bomb_that_lies_about_its_size_unpacks_no_further_than_it_says() -> None:
    made = bytearray(archive(("bomb", bytes(3_000_000)), ("cod", b"cod")))
    central = made.find(b"PK\x01\x02")
    made[central + 24 : central + 28] = struct.pack("<I", 10)
    found = ZipParser().parse(bytes(made), uri="a.zip")
    assert all(len(child.data) <= 10 for child in found.children)


def locked(data: bytes) -> bytes:
    """Marks the first member as encrypted."""
    made = bytearray(data)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.find(signature) + place] |= 1
    return bytes(made)


def test_an_encrypted_member_is_reported_and_the_others_are_read() -> None:
    found = ZipParser().parse(locked(archive(("cod", b"x"), ("eel", b"y"))), uri="a.zip")
    assert [child.name for child in found.children] == ["eel"]
    assert found.warnings == ("cod is encrypted",)
    with pytest.raises(ParseError, match="is encrypted"):
        ZipParser().parse(locked(archive(("cod", b"x"))), uri="a.zip")


def test_a_damaged_member_is_reported_and_the_others_are_read() -> None:
    made = archive(("cod", b"abc"), ("eel", b"def"), compression=zipfile.ZIP_STORED).replace(b"abc", b"xyz")
    found = ZipParser().parse(made, uri="a.zip")
    assert [child.name for child in found.children] == ["eel"]
    assert found.warnings[0].startswith("cod is damaged")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(archive(), "holds no files"), (archive(("a", b"x"))[:-9], "is a damaged ZIP archive")],
    ids=["empty", "cut off"],  # an archive holds the time, and each worker of a test run collects by itself
)
def test_an_archive_without_files_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        names(data)


@given(st.data())
def test_any_damage_is_a_parse_error_at_worst(data: st.DataObject) -> None:
    made = bytearray(archive(("cod.txt", b"cod " * 40), ("eel.txt", b"eel")))
    for _ in range(data.draw(st.integers(1, 6))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ParseError):
        names(bytes(made))
