from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ConfigError, UsageError
from ragstone.lookup.address import parse

ATTACKS = [
    "../admin?x=1#",
    "..",
    ".",
    "%2e%2e",
    "%252e%252e",
    "%2525252525252e%2e",
    "..;x=1",
    ".. ",
    "a/b",
    "a%2Fb",
    "a\\b",
    "a%5cb",
    "．．",
    "／admin",
    "7\r\nHost: evil",
    "7%0d%0aX: y",
    "7\0",
    "",
    "   ",
    "x" * 1_001,
    "\ud800",
]


@pytest.mark.parametrize("value", ATTACKS)
def test_a_value_that_could_leave_its_place_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        parse("/orders/{id}").filled({"id": value})


def test_values_that_make_two_dots_with_the_words_around_them_are_refused() -> None:
    with pytest.raises(UsageError, match="lead elsewhere"):
        parse("/orders/.{id}").filled({"id": ";x"})


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_whatever_the_values_the_path_keeps_its_form_and_the_server_reads_them_back(one: str, two: str) -> None:
    address = parse("/orders/{id}/lines?language={language}")
    try:
        path = address.filled({"id": one, "language": two})
    except UsageError:
        return
    parts = urlsplit(f"http://host{path}")
    assert parts.fragment == ""
    assert [unquote(part) for part in parts.path.split("/")] == ["", "orders", one, "lines"]
    assert unquote(parts.path).count("/") == 3  # also for a server that decodes before it cuts
    assert parts.query.count("=") == 1
    assert "&" not in parts.query
    assert unquote(parts.query.partition("=")[2]) == two
    assert address.made(path)


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("/orders/{id}", "/orders/{order_id}"),
        ("/orders/{id}", "/orders/4711"),
        ("/orders/{id}.json", "/orders/{order_id}.json"),
        ("/orders?customer={name}", "/orders?customer={who}"),
        ("/", "/"),
    ],
)
def test_a_path_of_the_same_form_is_allowed(allowed: str, asked: str) -> None:
    assert parse(allowed).allows(parse(asked))


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("/orders/{id}", "/{orders}/{id}"),
        ("/orders/{id}", "/customers/{id}"),
        ("/orders/{id}", "/orders/{id}/lines"),
        ("/orders/{id}", "/orders"),
        ("/orders/{id}", "/orders/"),
        ("/orders/{id}", "/orders/{id}?all=yes"),
        ("/orders/{id}.json", "/orders/{id}"),
        ("/orders?customer={name}", "/orders?owner={name}"),
        ("/orders?customer=ann", "/orders?customer={name}"),
    ],
)
def test_another_path_is_not(allowed: str, asked: str) -> None:
    assert not parse(allowed).allows(parse(asked))


@pytest.mark.parametrize(
    "path", ["/orders/7/lines", "/orders/7%2Flines", "/orders/..", "/orders/%2e%2e", "/orders/7?x=1", "//host/7", "/7"]
)
def test_a_redirect_to_such_a_path_is_not_made_of_the_address(path: str) -> None:
    assert parse("/orders/{id}").made("/orders/7")
    assert parse("/orders/{id}").made("/orders/7/")
    assert not parse("/orders/{id}").made(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orders", "begins with a slash"),
        ("/orders//{id}", "no empty parts"),
        ("/orders/../admin", "no dots alone"),
        ("/orders/%2e%2e", "no path can hold"),
        ("/orders/{id}#top", "no path can hold"),
        ("/orders/{id", "no path can hold"),
        ("/orders/{the id}", "names no value"),
        ("/orders?{name}=1", "a name and a value"),
        ("/orders?customer", "a name and a value"),
    ],
)
def test_what_is_no_path_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text)
