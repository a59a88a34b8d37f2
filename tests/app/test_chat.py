"""OpenAI's Chat Completions, asked by OpenAI's own client over HTTP, with a server of its kind behind the route."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

import mock_upstream
import ragstone
from fault_proxy import PATIENCE, Fault, Proxy, breaks, proxying, says
from mock_upstream import Upstream
from openai_server import completion
from ragstone import errors
from ragstone.cli.init import Default, write
from ragstone.verdicts import Verdict
from ragstone_app import create
from ragstone_app.openai.errors import chat_error

SAID = "The halibut project ships on 3 May 2031 as planned."
ASKED: dict[str, Any] = {"model": "route/answer", "messages": [{"role": "user", "content": "When does it ship?"}]}
SCHEMA = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
FORM = {"type": "json_schema", "json_schema": {"name": "date", "schema": SCHEMA, "strict": True}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with mock_upstream.serving() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    with proxying(upstream.url) as running:
        yield running


@contextmanager
def serving(folder: Path, proxy: Proxy) -> Iterator[str]:
    """The service, as `ragstone serve` starts it."""
    write(folder, model=Default.extractive)
    model = f"kind: model\ntype: openai\nbase_url: {proxy.url}\nmodel: mock\nretries: 0\n"
    model += "price: {input: 1, output: 2}\n"
    (folder / "connectors" / "mock.yaml").write_text(model)
    (folder / "pipelines" / "answer.yaml").write_text("index: ingest\nroute: {models: [mock, extractive]}\n")
    (folder / "pipelines" / "quoting.yaml").write_text("index: ingest\nroute: {models: [extractive]}\n")
    listening = socket.create_server(("127.0.0.1", 0))
    app = create(folder)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        _wait_for_its_probe(app, server)
        proxy.seen.clear()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()


def _wait_for_its_probe(app: FastAPI, server: uvicorn.Server) -> None:
    """So that what a test has the model's server do meets the test's own request."""
    end = time.monotonic() + PATIENCE
    while not server.started or not app.state.probing.done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("project"), proxy) as url:
        yield url


@pytest.fixture
def fresh(tmp_path: Path, proxy: Proxy) -> Iterator[str]:
    """A service of one test alone: one that remembers no failure of its model."""
    with serving(tmp_path, proxy) as url:
        yield url


@pytest.fixture(autouse=True)
def _as_new(proxy: Proxy) -> None:
    proxy.will()
    proxy.otherwise = Fault()
    proxy.seen.clear()


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0, timeout=PATIENCE) as made:
        yield made


def post(url: str, body: object) -> httpx.Response:
    return httpx.post(f"{url}/chat/completions", json=body, timeout=PATIENCE)


# ── What OpenAI's client gets ───────────────────────────────────────────────────────────────────────────────────────


def test_models_lists_the_pipelines(client: openai.OpenAI) -> None:
    found = sorted(model.id for model in client.models.list())
    assert found == ["embed/ingest", "ragstone/answer", "ragstone/quoting", "route/answer", "route/quoting"]


def test_a_completion_is_what_the_route_said(client: openai.OpenAI, proxy: Proxy) -> None:
    messages: Any = [{"role": "developer", "content": "Be brief."}, *ASKED["messages"]]
    options: dict[str, Any] = {"temperature": 0.5, "max_completion_tokens": 50, "stop": "END", "seed": 7, "top_p": 0.9}
    options |= {"frequency_penalty": 0.5, "presence_penalty": -0.5}
    found = client.chat.completions.create(model="route/answer", messages=messages, **options)
    (choice,) = found.choices
    assert (choice.message.content, choice.finish_reason, found.model) == (SAID, "stop", "route/answer")
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (6, 10)
    assert found.model_extra == {"ragstone": {"model": "mock", "cost": 26e-6, "notices": []}}
    sent = proxy.seen[0].body
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *ASKED["messages"]]
    wanted = {**options, "stop": ["END"], "max_tokens": 50}
    del wanted["max_completion_tokens"]
    assert {name: sent[name] for name in wanted} == wanted


def test_a_stream_is_said_piece_by_piece(client: openai.OpenAI) -> None:
    with client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}) as stream:
        pieces = list(stream)
    texts = [choice.delta.content for piece in pieces for choice in piece.choices if choice.delta.content]
    assert len(texts) == 10
    assert "".join(texts) == SAID
    assert [piece.choices[0].delta.role for piece in pieces if piece.choices][:2] == ["assistant", None]
    assert [piece.choices[0].finish_reason for piece in pieces if piece.choices][-2:] == [None, "stop"]
    assert [piece.usage.completion_tokens for piece in pieces if piece.usage] == [10]
    assert len({piece.id for piece in pieces}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_several_completions(url: str, stream: bool) -> None:
    found = post(url, {**ASKED, "n": 3, "stream": stream})
    assert found.status_code == 200
    if stream:
        pieces = [json.loads(line[6:]) for line in found.text.splitlines() if line.startswith("data: {")]
        said = [choice for piece in pieces for choice in piece["choices"] if "content" in choice["delta"]]
        assert [(choice["index"], choice["delta"]["content"]) for choice in said] == [(n, SAID) for n in range(3)]
    else:
        assert [(one["index"], one["message"]["content"]) for one in found.json()["choices"]] == [
            (n, SAID) for n in range(3)
        ]
        assert found.json()["usage"]["completion_tokens"] == 30


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_a_form_is_checked_before_it_is_sent(url: str, proxy: Proxy, stream: bool) -> None:
    asked = {**ASKED, "response_format": FORM, "stream": stream}
    for text, status in (('{"day": 3}', 200), ('{"day": "May"}', 502)):
        proxy.otherwise = says(200, completion(text).data())
        found = post(url, asked)
        assert found.status_code == status, found.text
        assert (r"\"day\": 3" if status == 200 else "has not the form") in found.text


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
        ({"logit_bias": {}}, "logit_bias", "unsupported_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": "1"}, "temperature", "invalid_value"),
        ({"n": 1000}, "n", "invalid_value"),
        ({"logprobs": True}, "logprobs", "invalid_value"),
        ({"stop": ["a"] * 5}, "stop", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "invalid_value"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content", "invalid_value"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content.0.type", None),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "response_format", "invalid_value"),
        ({"response_format": {**FORM, "json_schema": {"name": "d", "schema": {"type": "x"}}}}, None, "invalid_value"),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_name(
    url: str, proxy: Proxy, more: dict[str, Any], param: str | None, code: str | None
) -> None:
    found = post(url, {**ASKED, **more})
    assert found.status_code == 400, found.text
    error = found.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["code"]) == (param, code or "invalid_value")
    assert error["message"]
    assert proxy.seen == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b'{"model": "\\ud800"}', b"\xff"])
def test_what_cannot_be_read_is_refused_and_not_sent_back(url: str, body: bytes) -> None:
    found = httpx.post(f"{url}/chat/completions", content=body, headers={"content-type": "application/json"})
    assert found.status_code == 400
    assert set(found.json()["error"]) == {"message", "type", "param", "code"}
    assert len(found.content) < 400


def test_what_is_null_asks_for_nothing(url: str) -> None:
    parts = [{"type": "text", "text": "When does"}, {"type": "text", "text": "it ship?"}]
    message = {"role": "user", "content": parts, "name": None}
    assert post(url, {**ASKED, "messages": [message], "tools": None, "user": None}).status_code == 200


def test_an_unknown_model_is_not_found_and_the_nearest_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean 'route/answer'") as error:
        client.chat.completions.create(**{**ASKED, "model": "route/anser"})
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_strangers_page_can_send_through_a_browser_is_refused(url: str, proxy: Proxy, media: str) -> None:
    found = httpx.post(f"{url}/chat/completions", content=json.dumps(ASKED), headers={"content-type": media})
    assert found.status_code == 415
    assert proxy.seen == []


def test_only_post_is_answered(url: str) -> None:
    assert httpx.get(f"{url}/chat/completions").status_code == 405


# ── What fails ──────────────────────────────────────────────────────────────────────────────────────────────────────

LATER = {"retry_after": 6.2}


@pytest.mark.parametrize(
    ("error", "status", "code", "after", "again"),
    [
        (errors.RateLimited("full", **LATER), 429, "rate_limit_exceeded", "7", "true"),
        (errors.OverBudget("spent"), 429, "insufficient_quota", None, "false"),
        (errors.ModelBusy("full"), 503, "overloaded", "1", "true"),
        (errors.ModelUnavailable("down", **LATER), 503, "unavailable", "7", "true"),
        (errors.ModelResting("rests", retry_after=0.2), 503, "unavailable", "1", "true"),
        (errors.ModelTimeout("slow"), 504, "timeout", None, "true"),
        (errors.PromptTooLong("long"), 400, "context_length_exceeded", None, "false"),
        (errors.NotAllowed("no"), 400, "invalid_request", None, "false"),
        (errors.CheckFailed("the check 'words' failed"), 422, "check_failed", None, "false"),
        (errors.ModelDenied("key"), 502, "upstream_denied", None, "false"),
        (errors.NotConfigured("no model"), 503, "not_configured", None, "false"),
        (errors.StateError("disk"), 500, "internal_error", None, "false"),
    ],
)
def test_each_error_has_the_status_that_clients_of_openai_know(
    error: errors.RagstoneError, status: int, code: str, after: str | None, again: str
) -> None:
    found = chat_error(error)
    assert (found.status, found.code) == (status, code)
    assert (found.headers.get("retry-after"), found.headers["x-should-retry"]) == (after, again)


def test_a_check_that_ends_a_request_says_why_beside_the_error() -> None:
    verdicts = (Verdict(check="length", passed=True), Verdict(check="words", passed=False, reason="no", stage="output"))
    body = chat_error(errors.CheckFailed("the check 'words' failed", verdicts=verdicts)).body
    assert (body["error"]["code"], body["error"]["type"]) == ("check_failed", "invalid_request_error")
    assert body["ragstone"] == {"verdicts": [{"check": "words", "stage": "output", "where": "", "reason": "no"}]}
    assert set(chat_error(errors.StateError("disk")).body) == {"error"}


def test_an_error_does_not_say_where_the_model_lives(fresh: str, proxy: Proxy) -> None:
    proxy.will(says(503, after=3000))
    found = post(fresh, ASKED)
    assert found.status_code == 503
    assert found.headers["retry-after"] == "3000"
    assert str(proxy.port) not in found.text


def test_a_pipeline_that_only_quotes_has_no_model_to_ask(fresh: str) -> None:
    found = post(fresh, {**ASKED, "model": "route/quoting"})
    assert (found.status_code, found.json()["error"]["code"]) == (503, "not_configured")


def test_a_stream_that_fails_before_its_first_word_has_a_status(fresh: str, proxy: Proxy) -> None:
    proxy.will(breaks("reset", headers=False))
    found = post(fresh, {**ASKED, "stream": True})
    assert (found.status_code, found.json()["error"]["code"]) == (503, "unavailable")


def test_a_stream_that_fails_later_ends_with_an_error(fresh: str, proxy: Proxy) -> None:
    proxy.will(breaks("reset", events=3))
    texts: list[str | None] = []

    def listen() -> None:
        with openai.OpenAI(base_url=fresh, api_key="any", max_retries=0, timeout=PATIENCE) as client:
            pieces = client.chat.completions.create(**ASKED, stream=True)
            texts.extend(piece.choices[0].delta.content for piece in pieces)

    with pytest.raises(openai.APIError) as error:
        listen()
    assert texts == ["The", " halibut", " project"]
    assert error.value.code == "unavailable"


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        (breaks("hang", headers=False), False),
        (breaks("hang", size=10), False),
        (breaks("hang", headers=False), True),
        (breaks("hang", events=2), True),
    ],
)
async def test_the_client_that_goes_away_stops_the_model(fresh: str, proxy: Proxy, fault: Fault, stream: bool) -> None:
    proxy.will(fault)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        asking = asyncio.ensure_future(client.post(f"{fresh}/chat/completions", json={**ASKED, "stream": stream}))
        seen = await asyncio.to_thread(proxy.met)
        assert not seen.gone.is_set()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await asyncio.to_thread(seen.gone.wait, PATIENCE)


def test_the_service_finds_out_at_its_start_what_the_models_server_obeys_and_counts_it(
    tmp_path: Path, proxy: Proxy, upstream: Upstream
) -> None:
    with serving(tmp_path, proxy):
        pass
    with ragstone.open(tmp_path) as rag:
        probed = rag.costs().spent
        assert [(one.account.model, one.reported) for one in probed] == [("mock", True)]
        assert probed[0].usage.output_tokens > 0
        rag.models().probe()  # known of the last day
        assert rag.costs().spent == probed
