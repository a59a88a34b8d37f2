"""What an HTTP API knows, for a slot of a prompt.

    kind: lookup
    type: http
    base_url: https://shop.example.org/api
    paths: ["/orders/{id}", "/stock?article={article}"]   # what may be asked for, and nothing else
    headers: {Authorization: "Bearer ${env:SHOP_KEY}"}
    pick: order.status                                    # this part of the JSON; without it the whole text
    keep: 60                                              # seconds that a reply is used again

It sends GET requests alone. Redirects are followed on the same host, to allowed paths. Addresses of this machine and of
private networks are refused after the name was looked up, unless `allow_private: true` permits them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote, urljoin, urlsplit

import httpx

from ragstone.connectors.networks import CheckedAsync
from ragstone.errors import ConfigError, LookupFailed, LookupUnavailable, NotConfigured, nearest
from ragstone.lookup.address import parse
from ragstone.lookup.pick import parse_pick, picked
from ragstone.protocols import Lookup, Reply
from ragstone.types import Context

__all__ = ["HttpLookup"]

MOST_REDIRECTS = 3
BUSY = (408, 425, 429)
"""Statuses below 500 that may pass."""

_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
_LOCATIONS = (301, 302, 303, 307, 308)


class HttpLookup(Lookup):
    """Asks one host. `timeout` are the seconds for a whole reply, with redirects; the call's deadline counts as well.

    `query` are parameters of every request, such as a key; like `headers` they are shown nowhere.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        paths: list[str],
        headers: dict[str, str] = {},  # noqa: B006 - only read, and shown as this key's default
        query: dict[str, str] = {},  # noqa: B006
        pick: str = "",
        timeout: float = 5.0,
        max_bytes: int = 100_000,
        keep: float = 0.0,
        allow_private: bool = False,
    ) -> None:
        self._paths, self._pick = tuple(parse(path) for path in paths), parse_pick(pick)
        if not paths:
            raise ConfigError("nothing may be asked for", expected='`paths`, such as ["/orders/{id}"]')
        if timeout <= 0 or max_bytes < 1 or keep < 0:
            raise ConfigError(
                "timeout, max_bytes and keep are seconds, bytes and seconds", expected="above 0, 1 or more, 0 or more"
            )
        _check_headers(headers)
        if not base_url.strip():
            raise NotConfigured("no base_url is set")
        self._base = _checked_base(base_url.strip())
        self._headers, self._query = dict(headers), dict(query)
        self._timeout, self._max_bytes, self.keep = timeout, max_bytes, keep
        self._allow_private = allow_private
        said = json.dumps([self._base, sorted(headers.items()), sorted(query.items()), pick])
        self.fingerprint = hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        self._client: httpx.AsyncClient | None = None
        self._starting = asyncio.Lock()

    async def load(self) -> None:
        """Makes the client: its certificates take a moment to read."""
        async with self._starting:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connected)

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def allow(self, path: str) -> None:
        """Raises ConfigError for a path that is none, or that `paths` does not allow."""
        asked = parse(path)
        if not any(allowed.allows(asked) for allowed in self._paths):
            allowed = [one.text for one in self._paths]
            raise ConfigError(
                f"{self.name or 'the connector'} does not allow the path {path!r}",
                expected="one of " + ", ".join(allowed),
                hint=nearest(path, allowed),
            )

    async def fetch(self, path: str, *, context: Context) -> Reply:
        """What the API says at a path. Raises LookupFailed, or LookupUnavailable where a later try may succeed."""
        if not self._made(path):
            raise LookupFailed("the path is not one that the connector allows", where=self._where(path))
        left = context.remaining()
        limit = self._timeout if left is None else min(self._timeout, left)
        try:
            async with asyncio.timeout(limit):
                await self.load()
                status, body, charset = await self._followed(path)
        except TimeoutError as error:
            said = f"it took longer than {limit:.3g} s"
            raise LookupUnavailable(said, where=self._where(path)) from error
        text = self._read(body, charset, path)
        return Reply(text=text, url=self._base + path, status=status, size=len(body))

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _connected(self) -> httpx.AsyncClient:
        transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(trust_env=False)
        if not self._allow_private:
            transport = CheckedAsync(transport)
        # What is packed could unfold to any size, so nothing packed is asked for.
        headers = {"Accept": "application/json, text/*;q=0.9, */*;q=0.5", "User-Agent": "ragstone", **self._headers}
        return httpx.AsyncClient(
            transport=_Completed(transport, self._query) if self._query else transport,
            timeout=None,  # noqa: S113 - the whole has a limit of its own
            headers={**headers, "Accept-Encoding": "identity"},
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one asker's session is no other's
        )

    async def _followed(self, path: str) -> tuple[int, bytes, str]:
        """The status, the bytes and the charset of a reply, redirects followed."""
        at = path
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._asked(at, path)
            if not isinstance(found, str):
                return found
            at = self._led(at, found, path)
        raise LookupFailed("it redirects too often", where=self._where(path))

    async def _asked(self, at: str, path: str) -> tuple[int, bytes, str] | str:
        """The reply, or where it leads. The one place where the errors of a connection become ours."""
        assert self._client is not None, "fetch has loaded it"
        try:
            async with self._client.stream("GET", self._base + at) as response:
                status = response.status_code
                if status in _LOCATIONS:
                    return response.headers.get("location", "")
                if status >= 500 or status in BUSY:
                    raise LookupUnavailable(f"it cannot answer now ({status})", where=self._where(path))
                if not 200 <= status < 300:
                    raise self._refused(status, path)
                if response.headers.get("content-encoding", "identity").lower() != "identity":
                    raise LookupFailed("it sent a packed reply, which was not asked for", where=self._where(path))
                body = bytearray()
                async for part in response.aiter_raw():
                    body.extend(part)
                    if len(body) > self._max_bytes:
                        expected = f"at most {self._max_bytes:,} bytes (`max_bytes`)"
                        raise LookupFailed("its reply is too large", where=self._where(path), expected=expected)
                return status, bytes(body), response.charset_encoding or "utf-8"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = self._clean(str(error)) or type(error).__name__
            raise LookupUnavailable(f"it cannot be reached: {reason}", where=self._where(path)) from error

    def _led(self, at: str, location: str, path: str) -> str:
        """The path that a redirect leads to. Raises LookupFailed off the host, and off the allowed paths."""
        where = self._where(path)
        try:
            target = urljoin(self._base + at, location)
            same = _origin(target) == _origin(self._base)
        except ValueError as error:
            raise LookupFailed("it redirects to no address", where=where) from error
        if not same:
            raise LookupFailed("it redirects to another host", where=where, hint="Correct base_url, if that is right.")
        parts = urlsplit(target)
        base = urlsplit(self._base).path
        found = parts.path + (f"?{parts.query}" if parts.query else "")
        if not location or not found.startswith(f"{base}/") or not self._made(found.removeprefix(base)):
            allowed = "one of " + ", ".join(one.text for one in self._paths)
            raise LookupFailed("it redirects to a path that is not allowed", where=where, expected=allowed)
        return found.removeprefix(base)

    def _made(self, path: str) -> bool:
        return any(allowed.made(path) for allowed in self._paths)

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, body: bytes, charset: str, path: str) -> str:
        try:
            text = body.decode(charset).removeprefix("\ufeff")
        except (LookupError, ValueError) as error:  # an unknown charset, or other bytes than it says
            raise LookupFailed("its reply is no text", where=self._where(path), expected=charset) from error
        try:
            found = picked(text, self._pick)
        except ValueError as error:
            raise LookupFailed(f"its reply {error}", where=self._where(path), hint="Correct `pick`.") from error
        # JSON can write half a character, which no model can be sent.
        return found.encode("utf-8", "replace").decode() if not found.isascii() else found

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _where(self, path: str) -> str:
        return f"{self.name or 'lookup'} ({self._base}{path})"

    def _refused(self, status: int, path: str) -> LookupFailed:
        known = {404: "it knows nothing of this (404)", 410: "it knows nothing of this any more (410)"}
        hint = "Check the `headers` and `query` of the connector's file." if status in (401, 403, 407) else None
        return LookupFailed(known.get(status, f"it refused the request ({status})"), where=self._where(path), hint=hint)

    def _clean(self, words: str) -> str:
        """The words of an error on one line, without what may be secret."""
        for secret in (*self._headers.values(), *self._query.values(), *map(quote, self._query.values())):
            words = words.replace(secret, "[hidden]") if secret else words
        return " ".join(words.split())[:300]


class _Completed(httpx.AsyncBaseTransport):
    """Adds the parameters of every request at the last moment: httpx logs the address that it was given."""

    def __init__(self, inner: httpx.AsyncBaseTransport, query: Mapping[str, str]) -> None:
        self._inner = inner
        self._query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        query = "&".join(filter(None, (request.url.query.decode("ascii"), self._query)))
        url = request.url.copy_with(query=query.encode("ascii"))
        return await self._inner.handle_async_request(
            httpx.Request(request.method, url, headers=request.headers, extensions=request.extensions)
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _checked_base(url: str) -> str:
    """The address without a slash at its end. Raises ConfigError, which never shows a password."""
    try:
        parts = urlsplit(url)
        there = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        parts, there = urlsplit(""), False
    if not there:
        raise ConfigError("base_url is no address", expected="such as https://shop.example.org/api")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            "base_url holds more than an address", hint="A key goes under `headers`, parameters under `query`."
        )
    path = parts.path.rstrip("/")
    if path:
        parse(path)
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise ConfigError(f"the header {name!r} is Ragstone's own", hint="Take it out.")
        if not (name + value).isascii() or not (name + value).isprintable() or not name.replace("-", "").isalnum():
            raise ConfigError(f"the header {name!r} holds a character that no header holds")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
