"""Pages of a real server on this machine."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from ragstone.connectors.web import WebSource
from ragstone.errors import ConfigError, SourceUnavailable
from ragstone.protocols import NO_VERSIONS, Versions
from ragstone.types import Context, Item


class Site(BaseHTTPRequestHandler):
    """Answers from `pages`: a path's status, headers and body."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[str]] = []
    sent: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.pages.get(self.path, (404, {}, b"gone"))
        validators = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
        if any(headers.get(name) == self.headers[asks] for name, asks in validators.items() if name in headers):
            status, body = 304, b""
        self.sent.append(len(body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.pages, Site.asked, Site.sent = {}, [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def page(text: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "text/html", **headers}, text.encode()


async def listed(*urls: str, known: Versions = NO_VERSIONS, **keys: Any) -> list[Item]:
    source = WebSource(urls=list(urls), allow_private=True, **keys)
    return [item async for item in source.items(context=Context(), known=known)]


async def test_links_are_followed_as_deep_as_was_asked_and_never_to_other_hosts(site: str):
    Site.pages = {
        "/": page('<a href="/a">a</a> <a href="/#top">top</a> <a href="http://other.example/">other</a>'),
        "/a": page("<a href='b?x=1&amp;y=2'>b</a> <a href=/>home</a>"),
        "/b?x=1&y=2": page('<a href="/c">c</a>'),
        "/c": page("deep"),
    }
    assert [item.uri for item in await listed(f"{site}/")] == [f"{site}/"]
    found = await listed(f"{site}/", depth=2)
    assert [item.uri for item in found] == [f"{site}/", f"{site}/a", f"{site}/b?x=1&y=2"]
    assert b'href="/c"' in found[2].read()
    chosen = await listed(f"{site}/", depth=3, include=["*/b*", "*/c"], exclude=["*/c"])
    assert [item.uri for item in chosen] == [f"{site}/b?x=1&y=2"]


async def test_a_version_is_the_etag_or_the_content(site: str):
    Site.pages = {"/a": page("one", ETag='"7"'), "/b": page("one")}
    first = await listed(f"{site}/a", f"{site}/b")
    Site.pages = {"/a": page("two", ETag='"7"'), "/b": page("two")}
    second = await listed(f"{site}/a", f"{site}/b")
    assert [a.version == b.version for a, b in zip(first, second, strict=True)] == [True, False]


async def test_sitemaps_are_read_packed_and_nested(site: str):
    Site.pages = {
        "/map.xml": page(f"<sitemapindex><sitemap><loc>{site}/more.xml.gz</loc></sitemap></sitemapindex>"),
        "/more.xml.gz": (200, {}, gzip.compress(f"<urlset><url><loc> {site}/a?x&amp;y </loc></url></urlset>".encode())),
        "/a?x&y": page("words"),
    }
    source = WebSource(sitemaps=[f"{site}/map.xml"], allow_private=True)
    assert [item.uri async for item in source.items(context=Context())] == [f"{site}/a?x&y"]


async def test_robots_are_obeyed(site: str):
    Site.pages = {"/robots.txt": page("User-agent: *\nDisallow: /private"), "/a": page("a"), "/private/b": page("b")}
    assert [item.uri for item in await listed(f"{site}/a", f"{site}/private/b")] == [f"{site}/a"]
    assert "/private/b" not in Site.asked


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_host_that_shows_no_robots_has_no_rules(site: str, status: int):
    Site.pages = {"/robots.txt": (status, {}, b""), "/a": page("a")}
    assert [item.uri for item in await listed(f"{site}/a")] == [f"{site}/a"]


async def test_robots_are_obeyed_where_they_moved_to_and_nothing_is_visited_while_they_are_out_of_reach(site: str):
    Site.pages = {
        "/robots.txt": (302, {"Location": "/rules"}, b""),
        "/rules": page("User-agent: *\nDisallow: /"),
        "/a": page("a"),
    }
    assert await listed(f"{site}/a") == []
    Site.pages["/robots.txt"] = (503, {}, b"")
    with pytest.raises(SourceUnavailable, match=r"robots\.txt: answered 503"):
        await listed(f"{site}/a")
    assert "/a" not in Site.asked


async def test_what_is_gone_is_not_listed_and_what_fails_makes_the_listing_incomplete(site: str):
    Site.pages = {"/a": page("a"), "/broken": (500, {}, b""), "/moved": (301, {"Location": "/a"}, b"")}
    assert [item.uri for item in await listed(f"{site}/gone", f"{site}/moved")] == [f"{site}/a"]
    source = WebSource(urls=[f"{site}/broken", f"{site}/a"], allow_private=True)
    items = source.items(context=Context())
    assert (await anext(items)).uri == f"{site}/a"
    with pytest.raises(SourceUnavailable, match="broken: answered 500"):
        await anext(items)


async def test_a_page_that_is_too_large_or_turns_in_circles_is_said(site: str):
    Site.pages = {"/big": page("x" * 2000), "/loop": (302, {"Location": "/loop"}, b"")}
    for path, reason in (("/big", "is too large"), ("/loop", "redirects too often")):
        with pytest.raises(SourceUnavailable, match=reason):
            await listed(site + path, max_bytes=1000)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "::1",
        "0.0.0.0",
        "fd00::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::ffff:10.0.0.1",
    ],
)
async def test_a_name_that_leads_into_a_private_network_is_refused(address: str, monkeypatch: pytest.MonkeyPatch):
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **keys: found)
    source = WebSource(urls=["http://docs.example.org/"])
    with pytest.raises(SourceUnavailable, match="an address of a private network"):
        _ = [item async for item in source.items(context=Context())]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "docs.example.org", ""])
def test_only_web_addresses_are_taken(url: str):
    with pytest.raises(ConfigError):
        WebSource(urls=[url])


async def test_at_most_so_many_pages_are_listed(site: str):
    Site.pages = {"/": page("".join(f'<a href="/{n}">' for n in range(9))), **{f"/{n}": page("x") for n in range(9)}}
    assert len(await listed(f"{site}/", depth=1, max_pages=4)) == 4


@pytest.mark.parametrize("validator", [{"ETag": '"v1"'}, {"Last-Modified": "Sat, 21 Nov 2026 07:00:00 GMT"}])
async def test_a_known_page_comes_only_where_it_has_changed(site: str, validator: dict[str, str]):
    Site.pages = {"/a": page("first", **validator)}
    (first,) = await listed(f"{site}/a")
    Site.sent.clear()
    (same,) = await listed(f"{site}/a", known={first.uri: first.version})
    assert (same.version, sum(Site.sent)) == (first.version, len("gone"))  # robots.txt, which is not there
    assert same.read() == b"first"  # asked for again, in full
    Site.pages = {"/a": page("second", ETag='"v2"')}
    (changed,) = await listed(f"{site}/a", known={first.uri: first.version})
    assert changed.version != first.version
    assert changed.read() == b"second"


async def test_a_known_page_whose_links_are_followed_is_read_in_full(site: str):
    Site.pages = {"/": page('<a href="/a">a</a>', ETag='"v1"'), "/a": page("a", ETag='"v1"')}
    first = await listed(f"{site}/", depth=1)
    again = await listed(f"{site}/", depth=1, known={item.uri: item.version for item in first})
    assert [(item.uri, item.version) for item in again] == [(item.uri, item.version) for item in first]


async def test_one_address_written_in_several_ways_is_one_page(site: str):
    Site.pages = {"/": page("home")}
    port = site.rpartition(":")[2]
    uris = [item.uri for item in await listed(f"HTTP://127.0.0.1:{port}", f"{site}/#top", site)]
    assert uris == [f"{site}/"]
