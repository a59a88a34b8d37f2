from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

import mock_upstream
from fault_proxy import (
    ERROR,
    ERROR_EVENT,
    HALF_JSON,
    HTML,
    PASS,
    PATIENCE,
    Fault,
    Proxy,
    breaks,
    drips,
    garbage,
    proxying,
    says,
)
from mock_upstream import Upstream

ASKED = {"model": "m", "messages": [{"role": "user", "content": "When does it ship?"}]}
SAID = "The halibut project"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with mock_upstream.serving(words=3) as running:
        yield running


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    with proxying(upstream.url) as running:
        yield running


def post(proxy: Proxy, **fields: object) -> httpx.Response:
    return httpx.post(f"{proxy.url}/chat/completions", json={**ASKED, **fields}, timeout=PATIENCE)


def events(proxy: Proxy) -> list[str]:
    """What a client reads of a stream, until it ends or breaks."""
    found: list[str] = []
    asked = {**ASKED, "stream": True}
    with httpx.stream("POST", f"{proxy.url}/chat/completions", json=asked, timeout=PATIENCE) as reply:
        try:
            for line in reply.iter_lines():
                found += [re.sub("chatcmpl-.", "id", line)] if line else []
        except httpx.TransportError as error:
            found.append(type(error).__name__)
    return found


# ── What passes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reply_passes_as_it_is_and_the_request_is_noted(proxy: Proxy, upstream: Upstream) -> None:
    assert post(proxy).json()["choices"][0]["message"]["content"] == SAID
    (seen,) = proxy.seen
    assert (seen.method, seen.path, seen.body, seen.passed_on) == ("POST", "/v1/chat/completions", ASKED, True)
    assert seen.ended.wait(PATIENCE)
    assert not seen.gone.is_set()
    assert [entry.whole for entry in upstream.log] == [True]


def test_a_stream_passes_event_by_event(proxy: Proxy) -> None:
    found = events(proxy)
    assert len(found) == 5
    assert found[-1] == "data: [DONE]"


def test_a_connection_is_used_again(proxy: Proxy) -> None:
    with httpx.Client() as client:
        ports = set()
        for _ in range(3):
            reply = client.post(f"{proxy.url}/chat/completions", json=ASKED)
            ports.add(reply.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(proxy.seen) == 3
    assert len(ports) == 1


def test_the_script_counts_requests_for_completions_alone(proxy: Proxy) -> None:
    proxy.will(PASS, says(503, after=2))
    assert httpx.get(f"{proxy.url}/models").json()["data"][0]["id"] == "mock"
    assert post(proxy).status_code == 200
    assert httpx.get(f"{proxy.url}/models").status_code == 200
    refused = post(proxy)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert post(proxy).status_code == 200  # as `otherwise` says
    proxy.otherwise = says(500)
    assert [post(proxy).status_code for _ in range(2)] == [500, 500]
    assert [seen.fault for seen in proxy.asked][1] == says(503, after=2)


def test_a_field_that_is_dropped_is_ignored_by_the_server(proxy: Proxy) -> None:
    proxy.drops = ("max_tokens",)
    said = post(proxy, max_tokens=1).json()["usage"]["completion_tokens"]
    proxy.drops = ()
    obeyed = post(proxy, max_tokens=1).json()["usage"]["completion_tokens"]
    assert (said, obeyed) == (3, 1)
    assert [seen.body["max_tokens"] for seen in proxy.asked] == [1, 1]  # the client has sent it


# ── What the proxy says itself ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [HALF_JSON, HTML])
def test_a_reply_of_its_own_never_reaches_the_server(proxy: Proxy, upstream: Upstream, body: bytes) -> None:
    proxy.will(says(200, body))
    assert post(proxy).content == body
    assert upstream.log == []
    assert not proxy.seen[0].passed_on


def test_an_error_may_call_itself_a_success(proxy: Proxy) -> None:
    proxy.will(says(200, ERROR))
    found = post(proxy)
    assert (found.status_code, found.json()) == (200, ERROR)


def test_garbage_is_no_http(proxy: Proxy) -> None:
    proxy.will(garbage())
    with pytest.raises(httpx.RemoteProtocolError):
        post(proxy)


# ── What breaks ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (breaks("reset", headers=False), httpx.ReadError),
        (breaks("close", headers=False), httpx.RemoteProtocolError),
        (breaks("reset"), httpx.ReadError),
        (breaks("close"), httpx.RemoteProtocolError),
        (breaks("reset", size=40), httpx.ReadError),
        (breaks("close", size=40), httpx.RemoteProtocolError),
    ],
)
def test_a_reset_and_a_close_are_told_apart(proxy: Proxy, fault: Fault, error: type[Exception]) -> None:
    proxy.will(fault)
    with pytest.raises(error):
        post(proxy)
    assert proxy.seen[0].ended.wait(PATIENCE)
    assert post(proxy).status_code == 200


def test_so_many_bytes_come_before_a_reset(proxy: Proxy) -> None:
    proxy.will(breaks("reset", size=40))
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 28\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client:
        client.sendall(request + b'{"model": "m","messages":[]}')
        found = b""
        with suppress(ConnectionResetError):
            while piece := client.recv(4096):
                found += piece
            pytest.fail("it was closed, and not reset")
    assert len(found.split(b"\r\n\r\n", 1)[1]) == 40


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (breaks("reset", events=2), ["ReadError"]),
        (breaks("close", events=2), ["RemoteProtocolError"]),
        (breaks("end", events=2), []),
        (breaks("end", events=2, words=ERROR_EVENT), [ERROR_EVENT.decode().strip()]),
    ],
)
def test_a_stream_breaks_after_so_many_events(proxy: Proxy, fault: Fault, end: list[str]) -> None:
    proxy.will(PASS, fault)
    whole = events(proxy)
    assert events(proxy) == [*whole[:2], *end]


@pytest.mark.parametrize("fault", [breaks("hang", headers=False), breaks("hang"), breaks("hang", events=1)])
async def test_the_client_that_goes_away_is_noted_and_the_server_told(
    proxy: Proxy, upstream: Upstream, fault: Fault
) -> None:
    proxy.will(fault)
    async with httpx.AsyncClient() as client:
        asking = asyncio.ensure_future(client.post(f"{proxy.url}/chat/completions", json={**ASKED, "stream": True}))
        seen = await asyncio.to_thread(proxy.met)
        assert not seen.gone.is_set()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await asyncio.to_thread(seen.ended.wait, PATIENCE)
    assert seen.gone.is_set()


def test_a_dripping_reply_is_whole_in_the_end(proxy: Proxy) -> None:
    proxy.will(drips(64, 0.001))
    assert post(proxy).json()["choices"][0]["message"]["content"] == SAID


# ── A server that dies ──────────────────────────────────────────────────────────────────────────────────────────────


def test_connections_are_refused_and_taken_again(proxy: Proxy) -> None:
    with httpx.Client() as client:
        assert client.post(f"{proxy.url}/chat/completions", json=ASKED).status_code == 200
        proxy.refuse()
        with pytest.raises((httpx.ConnectError, httpx.ReadError)):  # the open connection was reset
            client.post(f"{proxy.url}/chat/completions", json=ASKED)
        for _ in range(3):
            with pytest.raises(httpx.ConnectError, match="refused"):
                client.post(f"{proxy.url}/chat/completions", json=ASKED)
        proxy.accept()
        assert client.post(f"{proxy.url}/chat/completions", json=ASKED).status_code == 200


def test_a_request_under_way_is_reset_when_the_server_dies(proxy: Proxy) -> None:
    proxy.will(breaks("hang", headers=False))
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
        proxy.met()
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_server_that_is_not_there_is_a_connection_that_ends(upstream: Upstream) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with proxying(f"http://127.0.0.1:{closed.getsockname()[1]}") as proxy, pytest.raises(httpx.TransportError):
            post(proxy)
    assert not proxy.seen[0].gone.is_set()


# ── The mock server behind it ───────────────────────────────────────────────────────────────────────────────────────


def test_the_log_says_what_was_answered_to_the_token(upstream: Upstream) -> None:
    asked = {"x-request-id": "claim-1"}
    whole = httpx.post(
        f"{upstream.url}/chat/completions", json={**ASKED, "n": 2, "max_tokens": 2}, headers=asked
    ).json()
    assert [choice["finish_reason"] for choice in whole["choices"]] == ["length", "length"]
    (entry,) = httpx.get(upstream.url.removesuffix("/v1") + "/log").json()
    assert (entry["id"], entry["asked_as"], entry["output_tokens"]) == (whole["id"], "claim-1", 4)
    assert entry["input_tokens"] == whole["usage"]["prompt_tokens"]
    assert httpx.post(upstream.url.removesuffix("/v1") + "/log").json() == []
