from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.servers import LONGEST_WAIT, Address, marked, refused, retry_after, retryable
from ragstone.errors import ConfigError
from ragstone.types import Context

NOW = 1_795_000_000.0


def waits(**headers: str) -> float | None:
    return retry_after({name.replace("_", "-"): value for name, value in headers.items()}, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "-3"}, 0),
        ({"retry_after": email.utils.formatdate(NOW + 90, usegmt=True)}, 90),
        ({"retry_after": email.utils.formatdate(NOW - 90, usegmt=True)}, 0),
        ({"retry_after": "999999999"}, LONGEST_WAIT),
        ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_WAIT),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after_ms": "250", "retry_after": "7"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "7"}, 7),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6m0s"}, 360),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "120ms"}, 0.12),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "1m2.5s"}, 62.5),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "12"}, 12),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": f"{NOW + 5:.0f}"}, 5),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "later"}, None),
        ({"x_ratelimit_remaining_tokens": "9", "x_ratelimit_reset_tokens": "1m"}, None),  # it is not what is reached
        ({"x_ratelimit_remaining_tokens": "-1", "x_ratelimit_reset_tokens": "0"}, None),  # as Azure says for unknown
    ],
)
def test_a_server_says_in_many_ways_how_long_it_wants_to_be_left_alone(
    headers: dict[str, str], seconds: float | None
) -> None:
    found = waits(**headers)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-3))


@given(st.text(), st.text(), st.text())
def test_whatever_stands_there_is_a_wait_or_none(first: str, second: str, third: str) -> None:
    found = waits(retry_after=first, retry_after_ms=second, x_ratelimit_reset_tokens=third)
    assert found is None or 0 <= found <= LONGEST_WAIT


def test_statuses_that_pass_by_themselves() -> None:
    assert [status for status in range(400, 600) if retryable(status)] == [
        *(408, 409, 425, 429, 500, 502),
        *range(504, 600),
    ]
    assert not any(refused(status) and retryable(status) for status in range(100, 600))


def test_an_address_shows_neither_key_nor_password() -> None:
    address = Address.of("http://ana:hunter2@gpu:8000/v1", " sk-1234 ")
    assert (address.host, address.secret) == ("gpu", "sk-1234")
    shown = repr(address) + str(address) + address.shown + address.clean("no key sk-1234 here")
    assert not any(word in shown for word in ("hunter2", "sk-1234"))


def test_the_beginning_of_a_key_is_not_shown_either() -> None:
    address = Address.of("http://gpu:8000/v1", "sk-house-0123456789")
    assert address.clean("Incorrect key sk-house-01234…") == "Incorrect key [key]…"
    assert address.clean("Keys begin with sk-.") == "Keys begin with sk-."


@pytest.mark.parametrize("url", ["gpu:8000", "ftp://gpu", "http://", "http://[::1/v1", ""])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url is no address"):
        Address.of(url, "")


@pytest.mark.parametrize(
    ("request_id", "sent"),
    [("", {}), ("a-1", {"X-Request-Id": "a-1"}), ("a\r\nX-Evil: 1", {}), ("ü", {}), ("a" * 513, {})],
)
def test_a_request_is_marked_where_a_header_can_hold_it(request_id: str, sent: dict[str, str]) -> None:
    assert marked(Context(request=request_id)) == sent
