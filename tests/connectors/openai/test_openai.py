from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from key_leaks import key
from openai_server import Reply, Server, closed_port, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.config import bind, expand, parse_yaml, read_yaml
from ragstone.connectors.openai import OpenAIModel, prefix
from ragstone.connectors.openai.channel import Channel
from ragstone.connectors.openai.hosts import OPENAI
from ragstone.errors import (
    ConfigError,
    MissingExtra,
    ModelDenied,
    ModelUnavailable,
    NotAllowed,
    NotConfigured,
)
from ragstone.protocols import SETTINGS
from ragstone.types import Context
from ragstone.usage import Price, Usage

CONNECTORS = Path(__file__).parents[3] / "connectors"
KEY = key("openai")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("m", base_url=server.url, api_key=KEY)
    made.name = "house"
    yield made
    await made.close()


# ── What is sent, and what comes back ───────────────────────────────────────────────────────────────────────────────


async def test_sends_the_messages_and_returns_what_the_model_said(server: Server, model: OpenAIModel) -> None:
    server.will(completion("200 tokens [1].", model="m-2026"))
    answer = await model.generate(prompt(), context=Context())
    assert (answer.text, answer.model, answer.finish_reason) == ("200 tokens [1].", "m-2026", "stop")
    assert answer.notice is None
    assert server.sent == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How long is a chunk?"}],
        "cache_salt": prefix.value(prompt(), Context()),
    }
    path, _, headers = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"


async def test_options_go_by_the_names_that_servers_know(server: Server, model: OpenAIModel) -> None:
    server.will(completion("yes"))
    options: dict[str, Any] = {
        "temperature": 0.0,
        "max_tokens": 80,
        "top_p": 0.9,
        "top_k": 40,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.1,
        "seed": 7,
    }
    await model.generate(prompt(**options, stop=("END",)), context=Context())
    sent = {name: value for name, value in server.sent.items() if name not in ("model", "messages", "cache_salt")}
    assert sent == {**options, "stop": ["END"]}


async def test_openai_itself_is_told_the_length_by_its_newer_name() -> None:
    made = OpenAIModel("m", api_key=KEY)
    assert made._request(prompt(max_tokens=80), Context())["max_completion_tokens"] == 80


def test_the_models_tokenizer_is_a_file_beside_the_project(tmp_path: Path) -> None:
    text = "model: m\nbase_url: http://localhost/v1\ntokenizer: models/tokenizer.json"
    located = parse_yaml(text, tmp_path / "m.yaml")
    arguments = bind(OpenAIModel, located, folder=tmp_path, connector=lambda kind, name: pytest.fail(name))
    with pytest.raises(ConfigError, match="there is no such tokenizer"):
        OpenAIModel(**arguments)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tokenizer.json").write_text('{"added_tokens": []}')
    able = OpenAIModel(**arguments).capabilities
    assert (able.tokenizer, able.model) == (tmp_path / "models" / "tokenizer.json", "m")


async def test_reasoning_is_sent_as_the_effort(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, reasoning="none")
    server.will(completion("yes"))
    await made.generate(prompt(), context=Context())
    await made.close()
    assert server.sent["reasoning_effort"] == "none"


async def test_a_server_of_your_own_needs_no_key(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url)
    server.will(completion("yes"))
    assert (await made.generate(prompt(), context=Context())).text == "yes"
    await made.close()
    assert server.requests[0][2]["authorization"] == "Bearer none"


async def test_usage_and_cost_are_counted(server: Server) -> None:
    price = Price(input=1.0, output=10.0, cached_input=0.1)
    made = OpenAIModel("m", base_url=server.url, price=price)
    details = {"cached_tokens": 1000}
    server.will(
        completion("yes", usage={"prompt_tokens": 3000, "completion_tokens": 50, "prompt_tokens_details": details})
    )
    answer = await made.generate(prompt(), context=Context())
    await made.close()
    assert answer.usage == Usage(input_tokens=3000, output_tokens=50, cached_tokens=1000)
    assert answer.cost == pytest.approx((2000 * 1.0 + 1000 * 0.1 + 50 * 10.0) / 1e6)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None, "completion_tokens": 0}, {"prompt_tokens_details": None, "other": "x"}]
)
async def test_usage_that_a_server_leaves_out_is_zero(server: Server, model: OpenAIModel, usage: Any) -> None:
    server.will(completion("yes", usage=usage))
    answer = await model.generate(prompt(), context=Context())
    assert (answer.usage, answer.cost) == (Usage(), 0.0)


async def test_an_answer_that_was_cut_off_says_so(server: Server, model: OpenAIModel) -> None:
    server.will(completion("200 tok", finish_reason="length"))
    answer = await model.generate(prompt(max_tokens=3), context=Context())
    assert answer.finish_reason == "length"
    assert answer.notice == "The answer was cut off at its limit of 3 tokens."


async def test_a_refusal_is_an_answer(server: Server, model: OpenAIModel) -> None:
    reply = {"choices": [{"message": {"content": None, "refusal": "I cannot say."}, "finish_reason": "stop"}]}
    server.will(Reply(reply))
    assert (await model.generate(prompt(), context=Context())).text == "I cannot say."


@given(
    fresh=st.floats(0, 100), cached=st.none() | st.floats(0, 100), tokens=st.integers(0, 10**6), share=st.floats(0, 1)
)
def test_caching_costs_as_much_as_its_price_says(fresh: float, cached: float | None, tokens: int, share: float) -> None:
    usage = Usage(input_tokens=tokens, cached_tokens=int(tokens * share))
    cost = Price(input=fresh, output=0, cached_input=cached).of(usage)
    low, high = sorted((fresh, fresh if cached is None else cached))
    assert tokens * low / 1e6 - 1e-6 <= cost <= tokens * high / 1e6 + 1e-6


# ── Streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_comes_in_pieces_and_ends_with_the_whole(server: Server, model: OpenAIModel) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    last = json.dumps({"choices": [], "usage": usage, "model": "m-2026"})
    server.will(streamed(piece(""), piece("200 "), piece("tokens"), piece(finish_reason="stop"), last))
    deltas = await collect(model, prompt())
    assert [delta.text for delta in deltas] == ["200 ", "tokens", ""]
    whole = deltas[-1].completion
    assert whole is not None
    assert (whole.text, whole.model, whole.finish_reason) == ("200 tokens", "m-2026", "stop")
    assert whole.usage == Usage(input_tokens=9, output_tokens=2)
    assert server.sent["stream_options"] == {"include_usage": True}
    assert [delta.completion for delta in deltas[:-1]] == [None, None]


async def test_a_stream_without_usage_or_an_end_mark_is_whole_once_the_server_gave_a_reason(
    server: Server, model: OpenAIModel
) -> None:
    server.will(streamed(piece("yes"), piece(None, finish_reason="stop"), done=False))
    whole = (await collect(model, prompt()))[-1].completion
    assert whole is not None
    assert (whole.text, whole.usage) == ("yes", Usage())


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply({"error": {"message": "the engine died"}}), "it replied with an error: the engine died"),
        (Reply('{"choices": [{"mess'), "its reply is no JSON"),
        (Reply("<html>Welcome</html>", headers={"content-type": "text/html"}), "its reply is no chat completion"),
        (Reply("{", promised=50), "its answer broke off"),
    ],
    ids=["an error", "half of it", "a page", "cut"],
)
async def test_what_comes_in_place_of_a_stream_is_told(
    server: Server, model: OpenAIModel, reply: Reply, words: str
) -> None:
    server.will(reply)
    with pytest.raises(ModelUnavailable, match=words):
        await collect(model, prompt())


async def test_a_whole_reply_in_place_of_a_stream_is_its_one_piece(server: Server, model: OpenAIModel) -> None:
    server.will(completion("42", usage={"prompt_tokens": 3, "completion_tokens": 1}))
    deltas = await collect(model, prompt())
    assert [delta.text for delta in deltas] == ["42", ""]
    assert deltas[-1].completion is not None
    assert deltas[-1].completion.usage == Usage(input_tokens=3, output_tokens=1)


@pytest.mark.parametrize(
    "reply",
    [
        streamed(piece("200 "), broken=True, done=False),  # the connection is cut
        streamed(piece("200 "), done=False),  # the server ends as if nothing were missing
        streamed(piece("200 "), '{"choices": [{"delta":', done=False),  # half a JSON
        streamed(piece("200 "), '{"error": {"message": "out of memory"}}', done=False),
        streamed(piece("200 "), '["no", "object"]', done=False),
    ],
)
async def test_a_stream_that_breaks_off_midway_is_an_error_after_its_pieces(
    server: Server, model: OpenAIModel, reply: Reply
) -> None:
    server.will(reply)
    pieces = model.stream(prompt(), context=Context())
    assert (await anext(pieces)).text == "200 "
    with pytest.raises(ModelUnavailable) as caught:
        await anext(pieces)
    assert caught.value.retryable
    assert "cannot be reached" not in str(caught.value)  # it was, as its words show


async def test_a_reader_that_leaves_early_closes_the_stream(server: Server, model: OpenAIModel) -> None:
    server.will(streamed(*(piece("word ") for _ in range(50)), piece(finish_reason="stop")), completion("next"))
    pieces = model.stream(prompt(), context=Context())
    assert (await anext(pieces)).text == "word "
    await pieces.aclose()  # type: ignore[attr-defined]
    assert (await model.generate(prompt(), context=Context())).text == "next"


@pytest.mark.parametrize(
    "reply", [Reply("<html>hello</html>", headers={"content-type": "text/html"}), Reply({"choices": []})]
)
async def test_a_server_that_does_not_stream_is_no_silent_answer(
    server: Server, model: OpenAIModel, reply: Reply
) -> None:
    server.will(reply)
    with pytest.raises(ModelUnavailable, match=r"no chat completion|Does base_url end in /v1\?|broke off"):
        await collect(model, prompt())


# ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "m", "base_url": ""}, "no base_url is set"),
        ({"model": " ", "base_url": "http://localhost/v1"}, "no model is set"),
        ({"model": "m"}, "no api_key is set"),
        ({"model": "m", "base_url": OPENAI + "/", "api_key": " "}, "no api_key is set"),
    ],
)
def test_what_is_not_set_is_not_configured(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NotConfigured, match=words):
        OpenAIModel(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "localhost:8000/v1"},
        {"base_url": "ftp://localhost/v1"},
        {"base_url": "http://[::1/v1"},
        {"base_url": "http:///v1"},
        {"api_key": "two words"},
        {"api_key": "sk-ключ"},
        {"api_key": "a\nb"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"context": 0},
        {"output_limit": -1},
        {"prefix_block": 0},
        {"lacks": ["seeds"]},
        {"omits": ["heat"]},
    ],
)
def test_what_is_set_wrongly_is_an_error_that_shows_no_key(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIModel("m", **{"base_url": "http://localhost/v1", **settings})
    assert not isinstance(caught.value, NotConfigured)
    assert "api_key" not in settings or settings["api_key"] not in str(caught.value)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'ragstone\[openai\]'"):
        OpenAIModel("m", base_url="http://localhost/v1")
    with pytest.raises(NotConfigured):
        OpenAIModel("m", base_url="")


def test_the_sdk_is_imported_only_when_a_model_is_asked() -> None:
    code = (
        "import sys; from ragstone.connectors.openai import OpenAIModel; OpenAIModel('m', 'http://localhost/v1');"
        "sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_capabilities_are_what_the_file_says() -> None:
    made = OpenAIModel("m", base_url="http://localhost/v1", local=True, context=4096)
    assert made.capabilities.local
    assert made.capabilities.generative
    assert made.capabilities.context_window == 4096
    assert not OpenAIModel("m", api_key=KEY).capabilities.local


def test_the_special_tokens_are_those_of_the_tokenizer_that_the_file_names(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tokenizer.json").write_text('{"added_tokens": [{"content": "<turn>"}, {"content": "<end>"}]}')
    text = parse_yaml("model: m\nbase_url: http://localhost/v1\ntokenizer: models\n", tmp_path / "m.yaml")
    made = OpenAIModel(**bind(OpenAIModel, text, folder=tmp_path, connector=lambda *_: pytest.fail("no reference")))
    assert made.capabilities.special_tokens == {"<turn>", "<end>"}
    with pytest.raises(ConfigError, match="there is no such tokenizer"):
        OpenAIModel("m", base_url="http://localhost/v1", tokenizer=tmp_path)


async def test_the_key_is_never_shown(
    server: Server, model: OpenAIModel, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will(failure(401, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(ModelDenied) as caught:
        await model.generate(prompt(), context=Context())
    shown = [repr(model), str(vars(model)), str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()]
    assert not any(KEY in text for text in shown)
    assert "[key]" in str(caught.value)


async def test_a_password_in_the_address_is_not_shown() -> None:
    made = OpenAIModel("m", base_url=f"http://me:{KEY}@127.0.0.1:{closed_port()}/v1")
    with pytest.raises(ModelUnavailable) as caught:
        await made.generate(prompt(), context=Context())
    await made.close()
    assert KEY not in str(caught.value)
    assert "http://127.0.0.1" in str(caught.value)


async def test_closing_twice_is_harmless_and_a_later_call_connects_again(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url)
    await made.close()
    server.will(completion("one"), completion("two"))
    assert (await made.generate(prompt(), context=Context())).text == "one"
    await made.close()
    await made.close()
    assert (await made.generate(prompt(), context=Context())).text == "two"
    await made.close()


async def test_calls_side_by_side_share_one_client(server: Server, model: OpenAIModel) -> None:
    server.will(*(completion(str(number)) for number in range(8)))
    answers = await asyncio.gather(*(model.generate(prompt(), context=Context()) for _ in range(8)))
    assert sorted(answer.text for answer in answers) == [str(number) for number in range(8)]


def _built(file: str, environment: dict[str, str]) -> OpenAIModel:
    located = expand(read_yaml(CONNECTORS / file), environment)
    settings = {key: value for key, value in located.value.items() if key not in ("kind", "type")}
    text = parse_yaml(json.dumps(settings), CONNECTORS / file)
    return OpenAIModel(**bind(OpenAIModel, text, folder=CONNECTORS, connector=lambda *_: pytest.fail("no reference")))


def test_the_shipped_connectors_are_not_configured_until_their_variables_are_set() -> None:
    with pytest.raises(NotConfigured, match="OPENAI_API_KEY"):
        _built("openai.yaml", {})
    with pytest.raises(NotConfigured, match="no base_url is set"):
        _built("local.yaml", {})
    with pytest.raises(NotConfigured, match="no model is set"):
        _built("local.yaml", {"RAGSTONE_LOCAL_URL": "http://localhost:8000/v1"})


def test_the_shipped_connectors_are_complete_once_their_variables_are_set() -> None:
    hosted = _built("openai.yaml", {"OPENAI_API_KEY": KEY})
    local = _built("local.yaml", {"RAGSTONE_LOCAL_URL": "http://localhost:8000/v1", "RAGSTONE_LOCAL_MODEL": "m"})
    assert not hosted.capabilities.local
    assert local.capabilities.local
    assert hosted._price is not None
    assert hosted._price.of(Usage(input_tokens=10, output_tokens=1)) > 0
    assert local._price == Price(input=0, output=0)


# ── Settings that a server lacks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("http://localhost:8000/v1", set()),
        ("https://api.openai.com/v1", {"top_k"}),
        ("https://house.openai.azure.com/openai/v1", {"top_k"}),
        ("https://house.services.ai.azure.com/openai/v1", {"top_k"}),
        ("https://router.huggingface.co/v1", {"top_k"}),
        ("https://api.together.ai/v1", set()),
        ("http://localhost:11434/v1", {"top_k"}),
        ("https://notopenai.com/v1", set()),
    ],
)
def test_known_servers_say_what_they_lack(url: str, lacks: set[str]) -> None:
    made = OpenAIModel("m", base_url=url, api_key=KEY, lacks=["seed"])
    assert SETTINGS - made.capabilities.settings == {*lacks, "seed"}


async def test_a_setting_that_the_server_lacks_is_refused_before_it_is_asked(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, lacks=["topK", "seed"])
    made.name = "house"
    for call in (made.generate(prompt(top_k=4), context=Context()), collect(made, prompt(top_k=4))):
        with pytest.raises(NotAllowed, match=r"house .* it has no topK.*Take topK out of model.options"):
            await call
    with pytest.raises(NotAllowed, match="it has no seed"):
        await made.sample(prompt(seed=4), n=2, context=Context())
    await made.close()
    assert server.requests == []


async def test_a_setting_that_the_file_omits_is_not_sent_and_the_answer_says_so(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, lacks=["temperature"], omits=["temperature", "maxOutputTokens"])
    server.will(completion("yes"))
    answer = await made.generate(prompt(temperature=0.0, max_tokens=9, top_p=0.5), context=Context())
    await made.close()
    assert answer.notice == "Not sent, as the connector's file says: temperature, maxOutputTokens."
    assert set(server.sent) == {"model", "messages", "top_p", "cache_salt"}


async def test_a_request_carries_its_id(server: Server, model: OpenAIModel) -> None:
    server.will(completion("yes"), streamed(piece("yes"), piece(finish_reason="stop")), completion("yes"))
    await model.generate(prompt(), context=Context(request="c-1"))
    await collect(model, prompt(), context=Context(request="c-2"))
    await model.generate(prompt(), context=Context())
    assert [headers.get("x-request-id") for *_, headers in server.requests] == ["c-1", "c-2", None]
    ours = OpenAIModel("m", api_key=KEY)
    assert ours._channel._headers(Context(request="c-3"))["X-Client-Request-Id"] == "c-3"


async def test_a_load_that_is_broken_off_leaves_no_client_open(monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[Any] = []
    connected = Channel._connected

    def noted(self: Channel) -> Any:
        clients.append(connected(self))
        return clients[-1]

    monkeypatch.setattr(Channel, "_connected", noted)
    made = OpenAIModel("m", base_url=f"http://127.0.0.1:{closed_port()}/v1")
    loading = asyncio.create_task(made.load())
    await asyncio.sleep(0)
    loading.cancel()
    await asyncio.wait({loading})
    assert loading.cancelled()
    await made.close()
    assert [client.is_closed() for client in clients] == [True]
