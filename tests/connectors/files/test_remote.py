"""Files of a store, with the file system in memory that fsspec brings, and a web server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from key_leaks import key
from ragstone.config import bind, parse_yaml
from ragstone.connectors.files import FilesSource, FrontMatter, Sidecar
from ragstone.errors import ConfigError, MissingExtra, ParseError, SourceUnavailable
from ragstone.types import Context, Item


@pytest.fixture
def store() -> Iterator[str]:
    """A folder in memory, by its URL."""
    name = uuid4().hex
    yield f"memory://{name}"
    files = fsspec.filesystem("memory")
    if files.exists(name):
        files.rm(name, recursive=True)


def write(url: str, *names: str, text: str = "cod") -> None:
    for name in names:
        fsspec.filesystem("memory").pipe_file(f"{url.removeprefix('memory:/')}/{name}", text.encode())


async def listed(url: str, **keys: Any) -> list[Item]:
    return [item async for item in FilesSource(url, **keys).items(context=Context())]


async def test_lists_files_in_order_with_their_urls(store: str) -> None:
    write(store, "b.md", "a/z.txt", ".git/config", "a/.hidden", "a.md.acl.yaml")
    write(store, "a.md", text="halibut")
    found = await listed(store)
    assert [item.uri for item in found] == [f"{store}/a.md", f"{store}/a/z.txt", f"{store}/b.md"]
    assert [(item.size, item.read()) for item in found] == [(7, b"halibut"), (3, b"cod"), (3, b"cod")]
    assert [item.uri for item in await listed(store + "/")] == [item.uri for item in found]


async def test_patterns_and_an_ignore_file_choose(store: str) -> None:
    write(store, "a.md", "b.txt", "drafts/c.md", "x/y/d.md", "x/notes/e.md")
    write(store, ".ragstoneignore", text="notes/")
    found = await listed(store, include=["**/*.md"], exclude=["drafts"])
    assert [item.uri for item in found] == [f"{store}/a.md", f"{store}/x/y/d.md"]


async def test_a_version_stays_until_the_file_is_written_again(store: str) -> None:
    write(store, "a.md", "b.md")
    before = await listed(store)
    write(store, "b.md", text="eel")
    after = await listed(store)
    assert [a.version == b.version for a, b in zip(before, after, strict=True)] == [True, False]


async def test_a_sidecar_or_front_matter_says_who_may_see_a_file(store: str) -> None:
    write(store, "a.md", text="---\nallow: [anna]\n---\n")
    write(store, "b.md", "c.md")
    write(store, "b.md.acl.yaml", text="allow: [ben]")
    write(store, "c.md.acl.yaml", text="alow: [ben]")
    sidecar, front = Sidecar.model_validate({"from": "sidecar"}), FrontMatter.model_validate({"from": "front-matter"})
    beside = await listed(store, acl=sidecar)
    assert [item.acl for item in beside] == [(), ("ben",), ()]
    assert [item.acl for item in await listed(store, acl=front)] == [("anna",), (), ()]
    assert [item.acl for item in await listed(store, acl="private")] == [(), (), ()]
    with pytest.raises(ParseError, match=r"c\.md: nobody may see it, since its sidecar is faulty"):
        beside[2].read()


async def test_what_is_too_large_or_gone_is_said_when_it_is_read(store: str) -> None:
    write(store, "a.md", text="x" * 11)
    (item,) = await listed(store, max_bytes=10)
    with pytest.raises(ParseError, match="is too large: expected at most 10 bytes, found 11"):
        item.read()
    (item,) = await listed(store)
    fsspec.filesystem("memory").rm(f"{store.removeprefix('memory:/')}/a.md")
    with pytest.raises(ParseError, match="vanished before it was read"):
        item.read()


async def test_an_empty_or_missing_folder_is_said(store: str) -> None:
    with pytest.raises(SourceUnavailable, match="the folder does not exist, or holds nothing"):
        await listed(store)


async def test_an_error_of_the_store_is_said_without_its_secrets(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any, **keys: Any) -> None:
        raise RuntimeError(f"the key {key('s3')} is wrong")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", failing)
    with pytest.raises(SourceUnavailable, match=r"cannot be listed: the key \*\*\* is wrong"):
        await listed(store, options={"client": {"secret": key("s3")}})


async def test_a_store_whose_package_is_missing_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ragstone\[s3\]'"):
        await listed("s3://bucket/documents")


@pytest.mark.parametrize(
    "url", ["file:///etc", "local://x", "simplecache::s3://x/y", "ftp://x/y", f"s3://u:{key('s3')}@x/y"]
)
def test_other_places_and_passwords_in_a_url_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FilesSource(url)
    assert key("s3") not in str(caught.value)


def test_options_are_for_stores_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`options` are for a store"):
        FilesSource(tmp_path, options={"key": "x"})


async def test_is_built_from_yaml(tmp_path: Path, store: str) -> None:
    write(store, "a.md", "b.txt")

    def no_connector(kind: str, name: str) -> FilesSource:
        raise AssertionError(f"a files source needs no {kind} {name}")

    located = parse_yaml(f"path: {store}\ninclude: ['*.md']", tmp_path / "connectors/documents.yaml")
    keys = bind(FilesSource, located, folder=tmp_path, connector=no_connector, given={"root": tmp_path})
    assert [item.uri async for item in FilesSource(**keys).items(context=Context())] == [f"{store}/a.md"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


async def test_a_file_of_a_web_server_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("halibut")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/a.md"
    try:
        first, second = await listed(url), await listed(url)
        assert [(item.uri, item.size, item.read()) for item in first] == [(url, 7, b"halibut")]
        assert first[0].version == second[0].version
        with pytest.raises(SourceUnavailable, match=r"b\.md: the folder does not exist"):
            await listed(url.replace("a.md", "b.md"))
    finally:
        server.shutdown()
        server.server_close()
