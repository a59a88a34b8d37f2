"""Pages of the web.

    kind: source
    type: web
    urls: [https://docs.example.org/]
    sitemaps: [https://docs.example.org/sitemap.xml]
    depth: 2                          # links to follow from the urls; 0 follows none
    include: ["https://docs.example.org/guide/*"]

Only the hosts of the urls and sitemaps are visited, unless `domains` names others, and robots.txt is obeyed. Addresses
of this machine and of private networks are refused after a name was looked up, and the connection goes to the address
that was checked; `allow_private: true` permits them.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import html
import re
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Literal
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
from protego import Protego

from ragstone.connectors.networks import Checked
from ragstone.errors import ConfigError, ParseError, SourceUnavailable
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.types import PUBLIC, Context, Item

__all__ = ["WebSource"]

LONGEST_DELAY = 10.0  # seconds between two pages that robots.txt may ask for
MOST_REDIRECTS = 5

_LOC = re.compile(rb"<loc>\s*(.*?)\s*</loc>", re.DOTALL)
_LINK = re.compile(r"<a\s[^>]*?href\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_PAGE = re.compile(r"text/html|application/xhtml", re.IGNORECASE)


class WebSource(Source):
    """Lists pages by asking for them; what a page said is kept, packed, until it is read.

    A page's version is its ETag, else its Last-Modified, else the hash of its content. A known page whose links are not
    followed is asked for with these, so that its content comes only where it has changed. A page that is gone (404,
    410) is not listed; one that cannot be reached makes the listing incomplete, so that nothing counts as removed.
    """

    def __init__(
        self,
        *,
        urls: list[str] = [],  # noqa: B006 - only read, and shown as this key's default
        sitemaps: list[str] = [],  # noqa: B006
        depth: int = 0,
        domains: list[str] = [],  # noqa: B006
        include: list[str] = ["*"],  # noqa: B006
        exclude: list[str] = [],  # noqa: B006
        max_pages: int = 1000,
        max_bytes: int = 20_000_000,
        timeout: float = 20.0,
        delay: float = 0.0,
        user_agent: str = "ragstone",
        allow_private: bool = False,
        acl: Literal["public", "private"] = "public",
    ) -> None:
        for url in (*urls, *sitemaps):
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise ConfigError("is no address of a page", expected="http://… or https://…", found=repr(url))
        if not urls and not sitemaps:
            raise ConfigError("there is nothing to visit", expected="`urls` or `sitemaps`")
        self.protected = acl != "public"
        self._urls, self._sitemaps, self._depth = tuple(urls), tuple(sitemaps), depth
        self._hosts = {*domains, *(str(urlsplit(url).hostname) for url in (*urls, *sitemaps))}
        self._include, self._exclude = tuple(include), tuple(exclude)
        self._max_pages, self._max_bytes, self._timeout, self._delay = max_pages, max_bytes, timeout, delay
        self._agent, self._allow_private = user_agent, allow_private
        self._acl = PUBLIC if acl == "public" else ()

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Visits pages, and lists them. Raises SourceUnavailable at the end where one could not be reached."""
        pages = self._pages(known)
        try:
            while (item := await asyncio.to_thread(next, pages, None)) is not None:
                yield item
        finally:
            await asyncio.to_thread(pages.close)

    def _pages(self, known: Versions) -> Generator[Item]:
        visit = self._visit()
        problems: list[SourceUnavailable] = []
        waiting = deque((url, 0) for url in self._urls)
        with visit.client:
            for url in self._sitemaps:
                waiting.extend((page, self._depth) for page in _listed(visit, url, problems))
            seen: set[str] = set()
            listed = 0
            while waiting and listed < self._max_pages:
                url, depth = waiting.popleft()
                url = _normalised(url)
                if url in seen or not self._may(url):
                    continue
                seen.add(url)
                try:
                    response = visit.get(url, known="" if depth < self._depth else known.get(url, ""))
                except SourceUnavailable as error:
                    problems.append(error)
                    continue
                if response is None:
                    continue
                final = _normalised(response.url)
                seen.add(final)
                if depth < self._depth and response.body and _PAGE.search(response.type):
                    waiting.extend((link, depth + 1) for link in _links(response.body, final))
                if self._wanted(final):
                    listed += 1
                    yield self._item(final, response)
        if problems:
            others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise SourceUnavailable(
                problems[0].message + others, where=problems[0].where, expected=problems[0].expected
            )

    def _may(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in self._hosts

    def _wanted(self, url: str) -> bool:
        chosen = any(fnmatchcase(url, pattern) for pattern in self._include)
        return chosen and self._may(url) and not any(fnmatchcase(url, pattern) for pattern in self._exclude)

    def _item(self, url: str, response: _Response) -> Item:
        if response.body is None:  # it is read only if what makes the chunks has changed
            return Item(uri=url, version=response.version, size=0, read=partial(self._read, url), acl=self._acl)
        read = partial(zlib.decompress, zlib.compress(response.body, 1))
        return Item(uri=url, version=response.version, size=len(response.body), read=read, acl=self._acl)

    def _read(self, url: str) -> bytes:
        visit = self._visit()
        with visit.client:
            response = visit.get(url)
        if response is None or response.body is None:
            raise SourceUnavailable("is gone since it was listed", where=url)
        return response.body

    def _visit(self) -> _Visit:
        return _Visit(self._agent, self._timeout, self._max_bytes, self._delay, allow_private=self._allow_private)


@dataclass(frozen=True, slots=True)
class _Response:
    """What a page answered, redirects followed; no body where it is what it was."""

    url: str
    type: str
    version: str
    body: bytes | None


@dataclass
class _Visit:
    """One round of visits, polite to each host."""

    agent: str
    timeout: float
    max_bytes: int
    delay: float
    allow_private: bool
    robots: dict[str, Protego] = field(default_factory=dict[str, Protego])
    last: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        # A connection is made for each page: two names at one checked address must not share one, whose certificate is
        # that of the first.
        limits = httpx.Limits(max_keepalive_connections=20 if self.allow_private else 0)
        transport = httpx.HTTPTransport(retries=1, limits=limits, trust_env=False)
        self.client = httpx.Client(
            transport=transport if self.allow_private else Checked(transport),
            timeout=self.timeout,
            headers={"User-Agent": self.agent},
            trust_env=False,
        )

    def get(self, url: str, *, known: str = "") -> _Response | None:
        """The page; None where it is gone or robots.txt asks to stay away. Raises SourceUnavailable.

        Where its version is the `known` one, it comes without a body.
        """
        for _ in range(MOST_REDIRECTS + 1):
            rules = self._rules(url)
            if not rules.can_fetch(url, self.agent):
                return None
            self._wait(url, rules)
            response = self._ask(url, known=known)
            if isinstance(response, str):
                known = ""  # that was the version of this address
                url = urljoin(url, response)
                continue
            return response
        raise SourceUnavailable("redirects too often", where=url)

    def _ask(self, url: str, *, forgiving: bool = False, known: str = "") -> _Response | str | None:
        """The page, None where it is gone (`forgiving`: or refused), or where it leads."""
        try:
            with self.client.stream("GET", url, headers=_conditions(known)) as response:
                if response.status_code == 304:
                    return _Response(url, "", known, None)
                if response.is_redirect:
                    return response.headers.get("location", "")
                if response.status_code in (404, 410) or (forgiving and 400 <= response.status_code < 500):
                    return None
                if response.status_code >= 400:
                    raise SourceUnavailable(f"answered {response.status_code}", where=url)
                body = bytearray()
                for part in response.iter_bytes():
                    body.extend(part)
                    if len(body) > self.max_bytes:
                        raise SourceUnavailable(
                            "is too large", where=url, expected=f"at most {self.max_bytes:,} bytes (`max_bytes`)"
                        )
                kind = response.headers.get("content-type", "")
                return _Response(url, kind, _version(response.headers, bytes(body)), bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailable(f"cannot be reached: {error or type(error).__name__}", where=url) from error

    def _rules(self, url: str) -> Protego:
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self.robots:
            self.robots[host] = Protego.parse(self._robots(f"{host}/robots.txt"))
        return self.robots[host]

    def _robots(self, url: str) -> str:
        """The rules of a host, redirects followed; a host that refuses to show any has none (RFC 9309, 2.3.1.3)."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._ask(url, forgiving=True)
            if not isinstance(answer, str):
                return answer.body.decode("utf-8", "replace") if answer and answer.body else ""
            url = urljoin(url, answer)
        return ""

    def _wait(self, url: str, rules: Protego) -> None:
        host = urlsplit(url).netloc
        delay = max(self.delay, min(float(rules.crawl_delay(self.agent) or 0), LONGEST_DELAY))
        time.sleep(max(0.0, self.last.get(host, 0.0) + delay - time.monotonic()))
        self.last[host] = time.monotonic()


_VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
"""What a page says of its version, and how to ask whether it is still that (RFC 9110, 13.1)."""


def _version(headers: httpx.Headers, body: bytes) -> str:
    for name in _VALIDATORS:
        if name in headers:
            return f"{name} {headers[name]}"
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _conditions(known: str) -> dict[str, str]:
    name, _, value = known.partition(" ")
    return {_VALIDATORS[name]: value} if name in _VALIDATORS else {}


def _normalised(url: str) -> str:
    """The same address, written one way (RFC 3986, 6.2): no fragment, the host in small letters, no usual port."""
    parts = urlsplit(urldefrag(url)[0])
    try:
        usual = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    except ValueError:  # no number: asking for it will say so
        return url
    if parts.username is not None:
        return url
    host = (parts.hostname or "").join("[]" if ":" in (parts.hostname or "") else ("", ""))
    place = host if usual else f"{host}:{parts.port}"
    return parts._replace(netloc=place, path=parts.path or "/").geturl()


def _listed(visit: _Visit, url: str, problems: list[SourceUnavailable]) -> Iterator[str]:
    """The pages of a sitemap, also where it lists other sitemaps or is packed."""
    waiting, seen = [url], set[str]()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        try:
            response = visit.get(at)
        except SourceUnavailable as error:
            problems.append(error)
            continue
        if response is None:
            problems.append(SourceUnavailable("there is no such sitemap", where=at))
            continue
        body = _unpacked(response.body or b"", visit.max_bytes, at)
        found = [html.unescape(place.decode("utf-8", "replace")) for place in _LOC.findall(body)]
        if b"<sitemapindex" in body:
            waiting.extend(found)
        else:
            yield from found


def _unpacked(body: bytes, most: int, url: str) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, most + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise ParseError("is a damaged gzip file", where=url) from error
    if len(unpacked) > most:
        raise SourceUnavailable("unpacks to too much", where=url, expected=f"at most {most:,} bytes")
    return unpacked


def _links(body: bytes, base: str) -> Iterator[str]:
    for found in _LINK.findall(body.decode("utf-8", "replace")):
        yield urljoin(base, html.unescape("".join(found)).strip())
