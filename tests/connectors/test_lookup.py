"""Lookups at a real server on this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api_server import Api, page, serving_api
from key_leaks import key
from ragstone.connectors.lookup import HttpLookup
from ragstone.errors import ConfigError, LookupFailed, LookupUnavailable, NotConfigured
from ragstone.protocols import Reply
from ragstone.testing.suites import LookupSuite
from ragstone.types import Context

Make = Callable[..., HttpLookup]

SECRET = key("shop")


@pytest.fixture
def api() -> Iterator[Api]:
    with serving_api() as api:
        yield api


@pytest.fixture
async def make(api: Api) -> AsyncIterator[Make]:
    made: list[HttpLookup] = []

    def lookup(base_url: str | None = None, **keys: Any) -> HttpLookup:
        keys = {"paths": ["/orders/{id}"], "allow_private": True, **keys}
        made.append(HttpLookup(api.url if base_url is None else base_url, **keys))
        made[-1].name = "orders"
        return made[-1]

    yield lookup
    for one in made:
        await one.close()


async def fetched(lookup: HttpLookup, path: str = "/orders/7", context: Context | None = None) -> Reply:
    return await lookup.fetch(path, context=context or Context())


# ── What it asks ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_reply_is_the_text_with_where_it_came_from(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page("Größe: 12", Content_Type="text/plain; charset=utf-8")
    assert await fetched(make()) == Reply(text="Größe: 12", url=f"{api.url}/orders/7", status=200, size=11)


async def test_headers_and_parameters_are_sent_and_shown_nowhere(
    api: Api, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.pages[f"/orders?customer=a%26b&key={SECRET}"] = page("two orders")
    lookup = make(paths=["/orders?customer={name}"], headers={"X-Key": SECRET}, query={"key": SECRET})
    reply = await fetched(lookup, "/orders?customer=a%26b")
    assert reply.text == "two orders"
    assert api.headers[0]["X-Key"] == SECRET
    assert api.headers[0]["Accept-Encoding"] == "identity"
    with pytest.raises(LookupFailed) as caught:
        await fetched(lookup, "/orders?customer=c")
    assert "customer=c" in str(caught.value)
    assert SECRET not in f"{reply} {caught.value} {caplog.text}"


async def test_a_path_that_is_not_allowed_is_never_asked_for(api: Api, make: Make) -> None:
    lookup = make()
    for path in ("/admin", "/orders/7/lines", "/orders/..", "/orders/7?x=1", "/orders/7%2F8", "//other/orders/7"):
        with pytest.raises(LookupFailed, match="not one that the connector allows"):
            await fetched(lookup, path)
    assert api.asked == []
    with pytest.raises(ConfigError, match=r"'/order/\{id\}'.*Did you mean '/orders/\{id\}'\?"):
        lookup.allow("/order/{id}")


async def test_the_part_that_pick_names_is_taken(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page('{"lines": [{"name": "caf\\u00e9 \\ud800"}]}', Content_Type="application/json")
    assert (await fetched(make(pick="lines[0].name"))).text == "café ?"
    with pytest.raises(LookupFailed, match=r"has no 'line' at its top, only lines. Did you mean 'lines'"):
        await fetched(make(pick="line[0]"))


async def test_requests_are_on_their_way_at_once(api: Api, make: Make) -> None:
    import threading

    api.meet = threading.Barrier(3)
    api.pages |= {f"/orders/{number}": page(str(number)) for number in range(3)}
    lookup = make(timeout=20)
    replies = await asyncio.gather(*(fetched(lookup, f"/orders/{number}") for number in range(3)))
    assert [reply.text for reply in replies] == ["0", "1", "2"]


async def test_a_session_of_one_request_is_not_taken_into_the_next(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page("sent", Set_Cookie="session=ann; Path=/")
    lookup = make()
    for _ in range(2):
        await fetched(lookup)
    assert [headers.get("Cookie") for headers in api.headers] == [None, None]


class TestHttpLookup(LookupSuite):
    vendors = ()

    @pytest.fixture(autouse=True)
    def _served(self, api: Api) -> None:
        api.pages["/orders/7"] = page("sent")
        self.url = api.url

    def make(self, tmp_path: Path) -> HttpLookup:
        return HttpLookup(self.url, paths=["/orders/{id}"], allow_private=True)


# ── Redirects and private networks ──────────────────────────────────────────────────────────────────────────────────


async def test_a_redirect_to_an_allowed_path_of_the_same_host_is_followed(api: Api, make: Make) -> None:
    api.pages |= {"/orders/latest": page("", 302, Location="/orders/7/"), "/orders/7/": page("sent")}
    assert (await fetched(make(), "/orders/latest")).text == "sent"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "another host"),
        ("http://localhost:1/orders/7", "another host"),
        ("//example.org/orders/7", "another host"),
        ("file:///etc/passwd", "another host"),
        ("http://[", "no address"),
        ("/admin", "not allowed"),
        ("/orders/7/lines", "not allowed"),
        ("/orders/%2e%2e", "not allowed"),
        ("/orders/7?all=yes", "not allowed"),
        ("", "not allowed"),
    ],
)
async def test_any_other_redirect_is_refused(api: Api, make: Make, location: str, said: str) -> None:
    api.pages["/orders/7"] = page("", 302, Location=location)
    with pytest.raises(LookupFailed, match=said):
        await fetched(make())
    assert api.asked == ["/orders/7"]


async def test_redirects_end(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page("", 301, Location="/orders/7")
    with pytest.raises(LookupFailed, match="redirects too often"):
        await fetched(make())
    assert len(api.asked) == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_this_machine_is_refused_unless_the_file_permits_it(api: Api, make: Make, host: str) -> None:
    port = api.url.rpartition(":")[2]
    with pytest.raises(LookupUnavailable, match="an address of a private network"):
        await fetched(make(f"http://{host}:{port}", allow_private=False))
    assert api.asked == []


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "fd00::1", "64:ff9b::7f00:1", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_into_a_private_network_is_refused(
    make: Make, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **keys: found)
    with pytest.raises(LookupUnavailable, match="an address of a private network"):
        await fetched(make("https://shop.example.org", allow_private=False))


async def test_the_name_is_looked_up_anew_for_each_redirect(
    api: Api, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.pages["/orders/7"] = page("", 302, Location="/orders/8")
    private = [False, True]
    monkeypatch.setattr("ragstone.connectors.networks._private", lambda address: private.pop(0))
    with pytest.raises(LookupUnavailable, match="an address of a private network"):
        await fetched(make(allow_private=False))
    assert api.asked == ["/orders/7"]


# ── Limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_reply_that_is_too_large_is_refused_before_it_has_all_come(api: Api, make: Make) -> None:
    api.pages |= {"/orders/7": page(b"x" * 1_001), "/orders/8": page(b"x" * 1_000)}
    lookup = make(max_bytes=1_000)
    with pytest.raises(LookupFailed, match=r"at most 1,000 bytes \(`max_bytes`\)"):
        await fetched(lookup)
    assert (await fetched(lookup, "/orders/8")).size == 1_000


async def test_a_body_that_comes_too_slowly_is_given_up(api: Api, make: Make) -> None:
    api.pages["/orders/7"], api.slow = page("sent"), {"/orders/7"}
    with pytest.raises(LookupUnavailable, match=r"took longer than 0.2 s"):
        await fetched(make(timeout=0.2))


async def test_the_deadline_of_the_call_counts_before_the_connectors_own(api: Api, make: Make) -> None:
    api.pages["/orders/7"], api.slow = page("sent"), {"/orders/7"}
    with pytest.raises(LookupUnavailable, match=r"took longer than 0\.1"):
        await fetched(make(timeout=600), context=Context().within(0.15))
    with pytest.raises(LookupUnavailable, match="took longer than 0 s"):
        await fetched(make(timeout=600), context=Context().within(0))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\xfe\xfa", {}),
        (b"ok", {"Content_Type": "text/plain; charset=zlib"}),
        (b"ok", {"Content_Type": "text/plain; charset=nothing"}),
        (b"\xe9", {"Content_Type": "application/json; charset=utf-8"}),
    ],
)
async def test_what_is_no_text_is_refused(api: Api, make: Make, body: bytes, headers: dict[str, str]) -> None:
    api.pages["/orders/7"] = page(body, **headers)
    with pytest.raises(LookupFailed, match="is no text"):
        await fetched(make())


async def test_another_charset_is_read_where_the_server_names_it(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page(b"caf\xe9", Content_Type="text/plain; charset=iso-8859-1")
    assert (await fetched(make())).text == "café"


async def test_a_packed_reply_is_refused(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page(b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(LookupFailed, match="packed"):
        await fetched(make())


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, LookupFailed, "knows nothing of this"),
        (401, LookupFailed, "Check the `headers`"),
        (400, LookupFailed, r"refused the request \(400\)"),
        (304, LookupFailed, r"refused the request \(304\)"),
        (429, LookupUnavailable, "cannot answer now"),
        (500, LookupUnavailable, r"cannot answer now \(500\)"),
    ],
)
async def test_a_status_that_is_no_success_is_an_error(
    api: Api, make: Make, status: int, error: type[LookupFailed], said: str
) -> None:
    api.pages["/orders/7"] = page("", status)
    with pytest.raises(LookupFailed, match=said) as caught:
        await fetched(make())
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"orders ({api.url}/orders/7): ")


async def test_a_server_that_is_away_is_unavailable(make: Make) -> None:
    with serving_api() as gone:
        pass
    with pytest.raises(LookupUnavailable, match="cannot be reached") as caught:
        await fetched(make(gone.url))
    assert caught.value.retryable


async def test_a_lookup_can_be_closed_twice_and_used_again(api: Api, make: Make) -> None:
    api.pages["/orders/7"] = page("sent")
    lookup = make()
    await lookup.close()
    assert (await fetched(lookup)).text == "sent"
    await lookup.close()
    await lookup.close()
    assert (await fetched(lookup)).text == "sent"


# ── Its file ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"base_url": "ftp://example.org"}, "is no address"),
        ({"base_url": "https://example.org:x"}, "is no address"),
        ({"base_url": f"https://ann:{SECRET}@example.org"}, "more than an address"),
        ({"base_url": f"https://example.org?key={SECRET}"}, "more than an address"),
        ({"base_url": "https://example.org/../x"}, "no dots alone"),
        ({"paths": []}, "nothing may be asked for"),
        ({"paths": ["orders"]}, "begins with a slash"),
        ({"pick": "a..b"}, "pick is no path"),
        ({"timeout": 0}, "above 0"),
        ({"headers": {"Host": "x"}}, "Ragstone's own"),
        ({"headers": {"X-Key": f"{SECRET}\r\nHost: x"}}, "no header holds"),
    ],
)
def test_a_wrong_setting_is_refused_and_no_secret_is_shown(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        HttpLookup(**{"base_url": "https://example.org", "paths": ["/orders/{id}"], **keys})
    assert SECRET not in str(caught.value)


def test_without_an_address_it_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="no base_url is set"):
        HttpLookup(paths=["/orders/{id}"])


def test_another_account_or_part_has_another_fingerprint() -> None:
    keys = ({}, {"headers": {"X-Key": "a"}}, {"headers": {"X-Key": "b"}}, {"query": {"key": "a"}}, {"pick": "a"})
    made = {HttpLookup("https://example.org", paths=["/orders/{id}"], **one).fingerprint for one in keys}
    assert len(made) == len(keys)
    assert HttpLookup("https://example.org/", paths=["/orders/{id}"]).fingerprint in made


def test_the_module_is_found_by_its_type(tmp_path: Path) -> None:
    from ragstone.registry import find

    assert find("lookup", "http") is HttpLookup
