"""Claude, by its Messages API, as a server on loopback plays it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from anthropic_server import begun, ended, failure, message, text, thought
from openai_server import Reply, Server, collect, prompt, serving
from ragstone.config import bind, expand, parse_yaml, read_yaml
from ragstone.connectors.anthropic import AnthropicModel
from ragstone.connectors.anthropic.families import Family, family_of
from ragstone.connectors.anthropic.requests import LONGEST
from ragstone.errors import ConfigError, ModelDenied, ModelRejected, NotAllowed, NotConfigured
from ragstone.output import Output
from ragstone.protocols import SETTINGS
from ragstone.testing.suites import ModelSuite
from ragstone.testing.suites.model import Silence
from ragstone.types import Context, Message, Prompt
from ragstone.usage import Price, Usage

KEY = "sk-ant-secret-0123456789"
NEW, OLD = "claude-haiku-5-5", "claude-haiku-4-5"
CONNECTORS = Path(__file__).parents[3] / "connectors"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
OUTPUT = Output(name="o", schema=SCHEMA, strict=SCHEMA, words="In JSON, please.")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[AnthropicModel]:
    made = make(server)
    yield made
    await made.close()


def make(server: Server, name: str = NEW, **keys: Any) -> AnthropicModel:
    return AnthropicModel(name, api_key=KEY, base_url=server.url.removesuffix("/v1"), **keys)


async def asked(model: AnthropicModel, given: Prompt | None = None) -> Any:
    return await model.generate(given or prompt(), context=Context())


# ── What is sent, and what comes back ───────────────────────────────────────────────────────────────────────────────


async def test_the_system_prompt_stands_apart_and_the_answer_comes_back(server: Server, model: AnthropicModel) -> None:
    server.will(message("200 tokens", " [1]."))
    answer = await asked(model, prompt(max_tokens=80, stop=("END",)))
    assert (answer.text, answer.model, answer.finish_reason, answer.notice) == ("200 tokens [1].", NEW, "stop", None)
    assert server.sent == {
        "model": NEW,
        "max_tokens": 80,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "How long is a chunk?"}]}],
        "stop_sequences": ["END"],
        "stream": True,
    }
    path, _, headers = server.requests[0]
    assert (path, headers["anthropic-version"]) == ("/v1/messages", "2026-10-21")
    assert KEY in (headers.get("authorization", "") + headers.get("x-api-key", ""))


async def test_roles_alternate_and_nothing_empty_is_sent(server: Server, model: AnthropicModel) -> None:
    roles = ("system", "user", "user", "assistant", "system", "user", "user")
    said = ("s", "a", "b", "c", "t", " ", "d")
    messages = tuple(Message(role, words) for role, words in zip(roles, said, strict=True))  # type: ignore[arg-type]
    server.will(message("yes"))
    await asked(model, replace(prompt(), messages=messages))
    assert [block["text"] for block in server.sent["system"]] == ["s", "t"]
    turns = [(turn["role"], [block["text"] for block in turn["content"]]) for turn in server.sent["messages"]]
    assert turns == [("user", ["a", "b"]), ("assistant", ["c"]), ("user", ["d"])]


async def test_a_prompt_without_a_turn_is_refused(server: Server, model: AnthropicModel) -> None:
    with pytest.raises(ModelRejected, match="no message of the user's"):
        await asked(model, replace(prompt(), messages=(Message("system", "Be brief."),)))
    assert server.requests == []


async def test_usage_counts_the_whole_input_and_what_was_cached_and_written_of_it(server: Server) -> None:
    price = Price(input=1, cached_input=0.1, cache_write=1.25, output=5)
    made = make(server, price=price)
    server.will(message("yes", cache_creation_input_tokens=300, cache_read_input_tokens=1000))
    answer = await asked(made)
    await made.close()
    usage = Usage(input_tokens=1325, output_tokens=15, cached_tokens=1000, written_tokens=300)
    assert answer.usage == usage
    assert answer.cost == pytest.approx((25 + 1000 * 0.1 + 300 * 1.25 + 15 * 5) / 1e6)


async def test_a_length_is_always_sent(server: Server) -> None:
    plain, limited = make(server), make(server, output_limit=900)
    server.will(message("yes"), message("yes"), message("200 tok", reason="max_tokens"))
    await asked(plain)
    first = server.sent["max_tokens"]
    await asked(limited)
    assert (first, server.sent["max_tokens"]) == (LONGEST, 900)
    answer = await asked(plain, prompt(max_tokens=3))
    assert (answer.finish_reason, answer.notice) == ("length", "The answer was cut off at its limit of 3 tokens.")
    await plain.close()
    await limited.close()


async def test_thinking_is_kept_apart(server: Server, model: AnthropicModel) -> None:
    server.will(Reply(events=(begun(), thought("Hm. "), thought("Yes."), text("Paris."), ended())))
    deltas = await collect(model, prompt())
    assert [delta.text for delta in deltas] == ["Paris.", ""]
    assert deltas[-1].completion is not None
    assert (deltas[-1].completion.text, deltas[-1].completion.reasoning) == ("Paris.", "Hm. Yes.")


@pytest.mark.parametrize(
    ("name", "keys", "reasons", "sent"),
    [
        (NEW, {}, True, {}),
        (NEW, {"thinking": False}, False, {"thinking": {"type": "disabled"}}),
        (NEW, {"thinking": False}, True, {"thinking": {"type": "adaptive"}}),
        (NEW, {"effort": "low"}, False, {"output_config": {"effort": "low"}}),
        (NEW, {"effort": "low"}, True, {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
        ("claude-sonnet-5-5", {"thinking": False}, False, {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", {"thinking": True}, False, {"thinking": {"type": "adaptive"}}),
        (OLD, {"thinking": True}, False, {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
    ],
)
async def test_thinking_is_switched_as_each_family_wants_it(
    server: Server, name: str, keys: dict[str, Any], reasons: bool, sent: dict[str, Any]
) -> None:
    made = make(server, name, **keys)
    server.will(message("yes"))
    await asked(made, replace(prompt(max_tokens=8000), reasons=reasons))
    await made.close()
    assert {key: server.sent[key] for key in ("thinking", "output_config") if key in server.sent} == sent


def test_a_model_that_always_thinks_cannot_be_told_not_to(server: Server) -> None:
    with pytest.raises(ConfigError, match="thinking cannot be switched off"):
        make(server, "claude-opus-5-5", thinking=False)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-haiku-5-5", Family(least=512)),
        ("claude-opus-5-5", Family(thinking="always", least=512)),
        ("claude-sonnet-5-5", Family(thinking="between_tools", least=512)),
        ("claude-opus-5", Family(least=512)),
        ("claude-sonnet-5", Family(least=1024)),
        ("claude-opus-4-8", Family(least=1024)),
        ("claude-opus-4-7", Family(least=2048)),
        ("claude-sonnet-4-6", Family(sampled=True)),
        ("claude-opus-4-6", Family(sampled=True, least=4096)),
        ("claude-haiku-4-5-20251001", Family(sampled=True, thinking="budget", least=4096)),
        ("claude-opus-4-20250514", Family(sampled=True, schemas=False, thinking="budget")),
        ("claude-3-5-haiku-20241022", Family(sampled=True, schemas=False, thinking="budget", least=2048)),
        ("claude-fable-5-1", Family(thinking="always", least=512)),
        ("house-model", Family()),
    ],
)
def test_models_are_known_by_their_names(name: str, family: Family) -> None:
    assert family_of(name) == family


# ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_settings_are_those_of_the_model(server: Server) -> None:
    assert make(server).capabilities.settings == {"max_tokens", "stop"}
    assert SETTINGS - make(server, OLD).capabilities.settings == {"seed", "frequency_penalty", "presence_penalty"}
    assert make(server, OLD, lacks=["topK"]).capabilities.settings == {"max_tokens", "stop", "temperature", "top_p"}


async def test_a_setting_that_the_model_lacks_is_refused_or_left_out_aloud(server: Server) -> None:
    strict, lenient = make(server), make(server, omits=["temperature"])
    with pytest.raises(NotAllowed, match="it has no temperature"):
        await asked(strict, prompt(temperature=0.0))
    assert server.requests == []
    server.will(message("yes"))
    answer = await asked(lenient, prompt(temperature=0.0))
    assert answer.notice == "Not sent, as the connector's file says: temperature."
    assert "temperature" not in server.sent
    await lenient.close()


async def test_older_models_are_asked_by_the_version_that_knows_their_settings(server: Server) -> None:
    made = make(server, OLD)
    server.will(message("yes"), message("yes"))
    await asked(made, prompt(temperature=0.0, top_k=4))
    await asked(made)
    await made.close()
    versions = [headers["anthropic-version"] for *_, headers in server.requests]
    assert versions == ["2023-06-01", "2026-10-21"]
    assert (server.requests[0][1]["temperature"], server.requests[0][1]["top_k"]) == (0.0, 4)


# ── The cache ───────────────────────────────────────────────────────────────────────────────────────────────────────


def marks(server: Server) -> list[str]:
    blocks = [*server.sent.get("system", []), *(block for turn in server.sent["messages"] for block in turn["content"])]
    return [block["text"] for block in blocks if block.get("cache_control") == {"type": "ephemeral"}]


@pytest.mark.parametrize(
    ("stable", "tokens", "marked"),
    [
        (0, 0, []),
        (1, 511, []),  # too little to be cached
        (1, 512, ["rules"]),
        (3, 900, ["more", "example"]),
        (4, 900, ["more", "shown"]),
    ],
)
async def test_the_end_of_the_stable_beginning_is_marked(
    server: Server, model: AnthropicModel, stable: int, tokens: int, marked: list[str]
) -> None:
    said = [("system", "rules"), ("system", "more"), ("user", "example"), ("assistant", "shown"), ("user", "Why?")]
    messages = tuple(Message(role, words) for role, words in said)  # type: ignore[arg-type]
    server.will(message("yes"))
    asked_for = replace(prompt(), messages=messages, stable_messages=stable, stable_prefix_tokens=tokens)
    await asked(model, asked_for)
    assert marks(server) == marked


# ── Answers of a form ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_form_binds_the_answer(server: Server, model: AnthropicModel) -> None:
    server.will(message('{"a": 1}'))
    answer = await asked(model, replace(prompt(), output=OUTPUT))
    assert (answer.text, answer.structured, model.capabilities.structured) == ('{"a": 1}', "schema", "schema")
    assert server.sent["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "JSON" not in str(server.sent["messages"])


async def test_a_schema_that_is_refused_is_asked_for_in_words_from_then_on(
    server: Server, model: AnthropicModel
) -> None:
    refusal = failure(400, "invalid_request_error", "output_config.format.schema: minimum is not supported")
    server.will(refusal, message('{"a": 1}'), message('{"a": 2}'))
    answers = [await asked(model, replace(prompt(), output=OUTPUT)) for _ in range(2)]
    assert [answer.structured for answer in answers] == ["words", "words"]
    assert ["output_config" in body for _, body, _ in server.requests] == [True, False, False]
    assert "In JSON, please." in str(server.sent["messages"])


async def test_a_model_from_before_schemas_is_asked_in_words(server: Server) -> None:
    made = make(server, "claude-opus-4-20250514")
    server.will(message('{"a": 1}'))
    answer = await asked(made, replace(prompt(), output=OUTPUT))
    await made.close()
    assert (answer.structured, made.capabilities.structured) == ("words", "words")


# ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["model", "api_key", "base_url"])
def test_what_is_not_set_is_not_configured(key: str) -> None:
    with pytest.raises(NotConfigured, match=f"no {key} is set"):
        AnthropicModel(**{"model": NEW, "api_key": KEY, key: " "})


@pytest.mark.parametrize(
    "keys",
    [{"timeout": 0}, {"context": -1}, {"output_limit": 0}, {"lacks": ["x"]}, {"base_url": "x"}, {"api_key": "a b"}],
)
def test_what_is_set_wrongly_is_an_error_that_shows_no_key(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        AnthropicModel(**{"model": NEW, "api_key": KEY, **keys})
    assert not isinstance(caught.value, NotConfigured)
    assert KEY not in str(caught.value)


async def test_the_key_is_never_shown(
    server: Server, model: AnthropicModel, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will(failure(401, "authentication_error", f"invalid key: {KEY}"))
    with pytest.raises(ModelDenied) as caught:
        await asked(model)
    shown = [repr(model), str(vars(model)), str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()]
    assert not any(KEY in shown_text for shown_text in shown)
    assert "[key]" in str(caught.value)


async def test_no_variable_of_the_sdk_is_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    made = make(server)
    server.will(message("yes"))
    await asked(made)
    await made.close()
    assert "another" not in str(server.requests[0][2])


def test_the_shipped_connector_is_complete_once_its_variable_is_set() -> None:
    with pytest.raises(NotConfigured, match="ANTHROPIC_API_KEY"):
        expand(read_yaml(CONNECTORS / "anthropic.yaml"), {})
    located = expand(read_yaml(CONNECTORS / "anthropic.yaml"), {"ANTHROPIC_API_KEY": KEY})
    keys = {key: value for key, value in located.value.items() if key not in ("kind", "type")}
    bound = bind(
        AnthropicModel,
        parse_yaml(str(keys), CONNECTORS / "anthropic.yaml"),
        folder=CONNECTORS,
        connector=lambda *_: pytest.fail("no reference"),
    )
    able = AnthropicModel(**bound).capabilities
    assert not able.local
    assert able.price is not None
    assert {"temperature", "max_tokens"} <= able.settings  # what the shipped prompts set


class Answering(list[Reply]):
    """As many replies as are asked for."""

    def pop(self, index: Any = -1, /) -> Reply:
        return message("Paris", " [1].")


class TestAnthropicModel(ModelSuite):
    deadlines = True
    secret = KEY
    server: ClassVar[Server]

    @pytest.fixture(autouse=True)
    def _serving(self) -> Iterator[None]:
        with serving() as server:
            server.replies = Answering()
            type(self).server = server
            yield

    def make(self, tmp_path: Path) -> AnthropicModel:
        return make(self.server, omits=["temperature"])

    def silenced(self) -> Silence:
        return self.server.silence()
