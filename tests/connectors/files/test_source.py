from __future__ import annotations

import os
import threading
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.config import bind, parse_yaml
from ragstone.connectors.files import FilesSource, Sidecar
from ragstone.errors import ConfigError, ParseError, SourceUnavailable
from ragstone.types import PUBLIC, Context, Item

SIDECAR = Sidecar.model_validate({"from": "sidecar"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    return made


def write(folder: Path, *names: str, text: str = "cod") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def listed(source: FilesSource) -> list[Item]:
    return [item async for item in source.items(context=Context())]


async def names(source: FilesSource) -> list[str]:
    return [PurePosixPath(item.uri).relative_to("documents").as_posix() for item in await listed(source)]


def refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Makes a folder unreadable, for root too."""
    scandir = os.scandir

    def refusing(path: Path) -> os.ScandirIterator[str]:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)


# ── What is listed ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_lists_files_in_sorted_order_with_uris_relative_to_the_project(folder: Path) -> None:
    write(folder, "b.md", "a/z.txt", "a.md", "a-b.md")
    found = await listed(FilesSource(folder, folder.parent))
    assert [item.uri for item in found] == [
        "documents/a-b.md",
        "documents/a.md",
        "documents/a/z.txt",
        "documents/b.md",
    ]
    assert [item.size for item in found] == [3, 3, 3, 3]


@given(
    st.sets(
        st.lists(st.text("ab-. z", min_size=1, max_size=3).filter(lambda name: name[0] != "."), min_size=1, max_size=3)
        .map("/".join)
        .map(lambda path: path + "_"),
        max_size=8,
    )
)
async def test_the_order_is_that_of_the_uris(tmp_path_factory: pytest.TempPathFactory, paths: set[str]) -> None:
    folder = tmp_path_factory.mktemp("documents")
    write(folder, *paths)
    found = [item.uri for item in await listed(FilesSource(folder, folder))]
    assert found == sorted(paths)


async def test_a_folder_outside_the_project_is_reached_by_a_relative_path(folder: Path) -> None:
    write(folder, "a.md")
    (item,) = await listed(FilesSource(folder, folder.parent / "project"))
    assert item.uri == "../documents/a.md"


async def test_without_a_project_uris_begin_with_the_path_as_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "a.md")
    monkeypatch.chdir(folder.parent)
    (item,) = await listed(FilesSource(Path("documents")))
    assert item.uri == "documents/a.md"


async def test_skips_hidden_files_sidecars_and_leftovers(folder: Path) -> None:
    write(folder, "a.md", ".git/config", ".DS_Store", "a.md.acl.yaml", "~$a.docx", "a.md~", "a.swp", "Thumbs.db")
    assert await names(FilesSource(folder, folder.parent)) == ["a.md"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["**/*"], [], ["a.md", "b.PDF", "drafts/c.md", "x/y/d.md"]),
        (["*.md"], [], ["a.md"]),
        (["**/*.md"], [], ["a.md", "drafts/c.md", "x/y/d.md"]),
        (["*.pdf"], [], ["b.PDF"]),
        (["x/**"], [], ["x/y/d.md"]),
        (["x/*"], [], []),
        (["./x/*/?.md"], [], ["x/y/d.md"]),
        (["**"], ["drafts"], ["a.md", "b.PDF", "x/y/d.md"]),
        (["**"], ["drafts/**", "x/"], ["a.md", "b.PDF"]),
        (["**"], ["**/[cd].md"], ["a.md", "b.PDF"]),
        ([], [], []),
    ],
)
async def test_patterns_choose_files(folder: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    write(folder, "a.md", "b.PDF", "drafts/c.md", "x/y/d.md")
    assert await names(FilesSource(folder, folder.parent, include=include, exclude=exclude)) == expected


async def test_links_that_leave_the_folder_are_not_followed(folder: Path) -> None:
    write(folder.parent, "secret.md", "elsewhere/secret.md")
    write(folder, "a.md")
    (folder / "link.md").symlink_to(folder.parent / "secret.md")
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    assert await names(FilesSource(folder, folder.parent)) == ["a.md"]


async def test_a_link_to_a_file_inside_is_followed(folder: Path) -> None:
    write(folder, ".annex/object", text="halibut")
    (folder / "a.md").symlink_to(folder / ".annex/object")
    (item,) = await listed(FilesSource(folder, folder.parent))
    assert (item.uri, item.read(), item.size) == ("documents/a.md", b"halibut", 7)


async def test_a_loop_of_links_ends(folder: Path) -> None:
    write(folder, "a/b.md")
    (folder / "a/loop").symlink_to(folder)
    (folder / "x").symlink_to(folder / "y")
    (folder / "y").symlink_to(folder / "x")
    assert await names(FilesSource(folder, folder.parent)) == ["a/b.md"]


async def test_the_folder_itself_may_be_a_link(folder: Path) -> None:
    write(folder, "a.md")
    (folder.parent / "link").symlink_to(folder)
    (item,) = await listed(FilesSource(folder.parent / "link", folder.parent))
    assert (item.uri, item.read()) == ("link/a.md", b"cod")


async def test_only_regular_files_are_listed(folder: Path) -> None:
    write(folder, "a.md")
    os.mkfifo(folder / "pipe")
    assert await names(FilesSource(folder, folder.parent)) == ["a.md"]


async def test_a_name_that_is_not_utf_8_can_be_printed_and_read(folder: Path) -> None:
    write(folder, os.fsdecode(b"caf\xe9.md"))
    (item,) = await listed(FilesSource(folder, folder.parent))
    assert item.uri.encode() == rb"documents/caf\xe9.md"
    assert item.read() == b"cod"


async def test_the_folder_is_walked_in_another_thread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "a.md")
    threads: set[int] = set()
    scandir = os.scandir

    def noting(path: Path) -> os.ScandirIterator[str]:
        threads.add(threading.get_ident())
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noting)
    await listed(FilesSource(folder))
    assert threads
    assert threading.get_ident() not in threads


# ── What cannot be listed ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_missing_folder_says_what_where_and_what_to_do(tmp_path: Path) -> None:
    source = FilesSource(tmp_path / "documents", tmp_path)
    source.name = "papers"
    with pytest.raises(SourceUnavailable) as caught:
        await listed(source)
    assert str(caught.value) == (
        "documents: the folder does not exist. Create it, or correct `path` in connectors/papers.yaml."
    )


async def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "documents")
    with pytest.raises(SourceUnavailable, match="documents: is not a folder"):
        await listed(FilesSource(tmp_path / "documents", tmp_path))


async def test_a_folder_that_is_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "documents").symlink_to(tmp_path / "documents")
    with pytest.raises(SourceUnavailable, match="documents: the folder cannot be reached: Too many levels"):
        await listed(FilesSource(tmp_path / "documents", tmp_path))


async def test_an_unreadable_folder_inside_is_named_after_all_others_were_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "a.md", "locked/b.md", "z.md")
    refuse(monkeypatch, "locked")
    items = FilesSource(folder, folder.parent).items(context=Context())
    assert [(await anext(items)).uri, (await anext(items)).uri] == ["documents/a.md", "documents/z.md"]
    with pytest.raises(SourceUnavailable, match="documents/locked: cannot be listed: Permission denied"):
        await anext(items)


@pytest.mark.parametrize("patterns", [{"exclude": ["locked"]}, {"include": ["*.md"]}])
async def test_an_unreadable_folder_that_no_pattern_reaches_does_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch, patterns: dict[str, list[str]]
) -> None:
    write(folder, "a.md", "locked/b.md")
    refuse(monkeypatch, "locked")
    assert await names(FilesSource(folder, folder.parent, **patterns)) == ["a.md"]


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_version_stays_while_the_file_does(folder: Path) -> None:
    write(folder, "a.md")
    source = FilesSource(folder)
    first, second = await listed(source), await listed(source)
    assert first[0].version == second[0].version


async def test_the_version_changes_though_size_and_time_are_kept(folder: Path) -> None:
    write(folder, "a.md", text="cod")
    source = FilesSource(folder)
    (before,) = await listed(source)
    state = (folder / "a.md").stat()
    write(folder, "new.md", text="eel")
    os.utime(folder / "new.md", ns=(state.st_atime_ns, state.st_mtime_ns))
    (folder / "new.md").replace(folder / "a.md")
    (after,) = await listed(source)
    assert after.version != before.version


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    write(folder, "a.md", text="x" * 11)
    (item,) = await listed(FilesSource(folder, folder.parent, max_bytes=10))
    with pytest.raises(ParseError) as caught:
        item.read()
    assert str(caught.value) == (
        "documents/a.md: is too large: expected at most 10 bytes, found 11. "
        "Raise `max_bytes` of its source, or exclude it."
    )


async def test_a_file_of_exactly_the_limit_is_read(folder: Path) -> None:
    write(folder, "a.md", text="x" * 10)
    (item,) = await listed(FilesSource(folder, max_bytes=10))
    assert item.read() == b"x" * 10


async def test_a_file_that_vanished_says_so(folder: Path) -> None:
    write(folder, "a.md")
    (item,) = await listed(FilesSource(folder, folder.parent))
    (folder / "a.md").unlink()
    with pytest.raises(ParseError, match=r"documents/a\.md: vanished before it was read"):
        item.read()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "permission denied. Grant read access"),
        (OSError(5, "Input/output error"), "cannot be read: Input/output error"),
    ],
)
async def test_what_stops_reading_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    write(folder, "a.md")
    (item,) = await listed(FilesSource(folder, folder.parent))

    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(ParseError, match=f"documents/a.md: {reason}"):
        item.read()


# ── Who may see it ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_public_source_is_seen_by_all_and_a_private_one_by_nobody(folder: Path) -> None:
    write(folder, "a.md")
    public, private = FilesSource(folder), FilesSource(folder, acl="private")
    assert [item.acl for item in await listed(public)] == [PUBLIC]
    assert [item.acl for item in await listed(private)] == [()]
    assert (public.protected, private.protected) == (False, True)


async def test_a_sidecar_says_who_may_see_its_file(folder: Path) -> None:
    write(folder, "a.pdf", "b.pdf")
    write(folder, "a.pdf.acl.yaml", text='allow: ["group:hr", anna]')
    source = FilesSource(folder, acl=SIDECAR)
    assert [item.acl for item in await listed(source)] == [("group:hr", "anna"), ()]
    assert source.protected


async def test_a_changed_sidecar_changes_the_acl_and_not_the_version(folder: Path) -> None:
    write(folder, "a.pdf")
    write(folder, "a.pdf.acl.yaml", text="allow: [anna]")
    (before,) = await listed(FilesSource(folder, acl=SIDECAR))
    write(folder, "a.pdf.acl.yaml", text="allow: [ben]")
    (after,) = await listed(FilesSource(folder, acl=SIDECAR))
    assert (before.acl, after.acl) == (("anna",), ("ben",))
    assert before.version == after.version


@pytest.mark.parametrize(
    "rules",
    ["", "allow: anna", "allow: [1]", "alow: [anna]", "allow: [anna]\ndeny: [ben]", "allow: [", "[" * 5000, "\xff"],
)
async def test_with_a_faulty_sidecar_nobody_sees_the_file_and_reading_it_says_why(folder: Path, rules: str) -> None:
    write(folder, "a.pdf")
    (sound,) = await listed(FilesSource(folder, folder.parent))
    (folder / "a.pdf.acl.yaml").write_text(rules, encoding="latin-1")
    (item,) = await listed(FilesSource(folder, folder.parent, acl=SIDECAR))
    assert item.acl == ()
    assert item.version != sound.version
    with pytest.raises(
        ParseError, match=r"documents/a\.pdf: nobody may see it, since its sidecar is faulty: .*a\.pdf\.acl\.yaml"
    ):
        item.read()


# ── Its keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def bound(yaml: str, folder: Path) -> FilesSource:
    def no_connector(kind: str, name: str) -> FilesSource:
        raise AssertionError(f"a files source needs no {kind} {name}")

    located = parse_yaml(yaml, folder / "connectors/documents.yaml")
    return FilesSource(**bind(FilesSource, located, folder=folder, connector=no_connector, given={"root": folder}))


async def test_is_built_from_yaml(folder: Path) -> None:
    write(folder, "a.md", "b.txt")
    source = bound("path: documents\ninclude: ['*.md']\nacl: {from: sidecar}", folder.parent)
    assert [(item.uri, item.acl) for item in await listed(source)] == [("documents/a.md", ())]


@pytest.mark.parametrize("key", ["acl: {from: sidecars}", "acl: nobody", "max_bytes: many", "glob: x"])
def test_a_wrong_key_is_refused_with_its_place(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=r"documents\.yaml:2:"):
        bound(f"path: documents\n{key}", tmp_path)
