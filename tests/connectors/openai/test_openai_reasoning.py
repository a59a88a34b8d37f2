"""A model's own reasoning: what is sent to switch it, and where its words go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openai_server import Reply, Server, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.config import bind, parse_yaml
from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ConfigError, ModelRejected
from ragstone.types import Context

ALL = {"temperature": 0.2, "top_p": 0.9, "frequency_penalty": 0.1, "presence_penalty": 0.1}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def serve(server: Server) -> Callable[..., Any]:
    @asynccontextmanager
    async def made(**settings: Any) -> AsyncIterator[OpenAIModel]:
        model = OpenAIModel("m", base_url=server.url, **settings)
        yield model
        await model.close()

    return made


def thinking(**message: Any) -> Reply:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return Reply({"choices": [choice]})


# ── What is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "asked", "sent"),
    [
        ({}, False, {}),
        ({}, True, {}),
        ({"reasoning": "none"}, False, {"reasoning_effort": "none"}),
        ({"reasoning": "none"}, True, {"reasoning_effort": "medium"}),
        ({"reasoning": "low"}, False, {"reasoning_effort": "low"}),
        ({"reasoning": "low"}, True, {"reasoning_effort": "low"}),
        ({"thinking": False}, False, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"thinking": False}, True, {"chat_template_kwargs": {"enable_thinking": True}}),
        ({"thinking": True}, False, {"chat_template_kwargs": {"enable_thinking": True}}),
    ],
)
async def test_the_switch_is_sent_as_the_file_and_the_prompt_say(
    server: Server, serve: Callable[..., Any], settings: dict[str, Any], asked: bool, sent: dict[str, Any]
) -> None:
    server.will(completion("yes"))
    async with serve(**settings) as model:
        assert model.capabilities.reasons is bool(settings)
        await model.generate(replace(prompt(), reasons=asked), context=Context())
    assert {
        key: value for key, value in server.sent.items() if key in ("reasoning_effort", "chat_template_kwargs")
    } == sent


async def test_options_that_such_models_refuse_are_left_out_and_the_notice_says_so(
    server: Server, serve: Callable[..., Any]
) -> None:
    server.will(completion("yes"), streamed(piece("yes"), piece(finish_reason="stop")))
    asked = replace(prompt(**ALL, seed=7, max_tokens=90), reasons=True)
    notice = "Not sent, since the model reasons by itself: temperature, topP, frequencyPenalty, presencePenalty."
    async with serve(reasoning="none") as model:
        assert (await model.generate(asked, context=Context())).notice == notice
        assert not ALL.keys() & server.sent.keys()
        assert (server.sent["seed"], server.sent["max_tokens"]) == (7, 90)
        deltas = await collect(model, asked)
        assert not ALL.keys() & server.sent.keys()
        assert deltas[-1].completion is not None
        assert deltas[-1].completion.notice == notice


@pytest.mark.parametrize(
    ("settings", "asked"), [({"reasoning": "low"}, False), ({"thinking": False}, True), ({}, True)]
)
async def test_elsewhere_every_option_is_sent(
    server: Server, serve: Callable[..., Any], settings: dict[str, Any], asked: bool
) -> None:
    server.will(completion("yes"))
    async with serve(**settings) as model:
        answer = await model.generate(replace(prompt(**ALL), reasons=asked), context=Context())
    assert {name: server.sent[name] for name in ALL} == ALL
    assert answer.notice is None


async def test_without_an_option_to_leave_out_there_is_no_notice(server: Server, serve: Callable[..., Any]) -> None:
    server.will(completion("yes", finish_reason="length"), completion("yes"))
    async with serve(reasoning="high") as model:
        asked = replace(prompt(max_tokens=3), reasons=True)
        cut = await model.generate(asked, context=Context())
        assert cut.notice == "The answer was cut off at its limit of 3 tokens."
        assert (await model.generate(asked, context=Context())).notice is None


async def test_a_server_that_refuses_the_switch_names_what_to_change(server: Server, serve: Callable[..., Any]) -> None:
    server.will(failure(400, "unrecognized: chat_template_kwargs"))
    async with serve(thinking=True) as model:
        with pytest.raises(ModelRejected, match="Take thinking out of the connector's file"):
            await model.generate(prompt(), context=Context())


@pytest.mark.parametrize(
    ("text", "reasons"), [("", False), ("thinking: null", False), ("thinking: false", True), ("reasoning: none", True)]
)
def test_the_file_names_the_switch(tmp_path: Path, text: str, reasons: bool) -> None:
    settings = parse_yaml(f"model: m\nbase_url: http://localhost/v1\n{text}\n", tmp_path / "m.yaml")
    made = OpenAIModel(**bind(OpenAIModel, settings, folder=tmp_path, connector=lambda *_: pytest.fail("no reference")))
    assert made.capabilities.reasons is reasons


def test_a_switch_that_is_neither_on_nor_off_is_a_fault_of_the_file(tmp_path: Path) -> None:
    settings = parse_yaml("model: m\nbase_url: http://localhost/v1\nthinking: much\n", tmp_path / "m.yaml")
    with pytest.raises(ConfigError, match=r"m\.yaml:3:1: thinking"):
        bind(OpenAIModel, settings, folder=tmp_path, connector=lambda *_: pytest.fail("no reference"))


# ── What comes back ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "Six sevens."},
        {"reasoning_content": "Six sevens."},
        {"reasoning": None, "reasoning_content": "Six sevens."},
        {"reasoning": "Six sevens.", "reasoning_content": "Six sevens."},
    ],
)
async def test_reasoning_stands_beside_the_text(
    server: Server, serve: Callable[..., Any], fields: dict[str, Any]
) -> None:
    server.will(thinking(content="42", **fields))
    async with serve() as model:
        answer = await model.generate(prompt(), context=Context())
    assert (answer.text, answer.reasoning) == ("42", "Six sevens.")


async def test_reasoning_of_an_unknown_kind_is_passed_over(server: Server, serve: Callable[..., Any]) -> None:
    server.will(thinking(content="42", reasoning={"summary": "Six sevens."}))
    async with serve() as model:
        answer = await model.generate(prompt(), context=Context())
    assert (answer.text, answer.reasoning) == ("42", "")


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_a_stream_shows_the_text_alone_and_reasoning_as_a_sign_of_life(
    server: Server, serve: Callable[..., Any], field: str
) -> None:
    def thought(text: str) -> str:
        return json.dumps({"choices": [{"index": 0, "delta": {field: text}}]})

    server.will(streamed(thought("Six "), thought("sevens."), piece("4"), piece("2"), piece(finish_reason="stop")))
    async with serve() as model:
        deltas = await collect(model, prompt())
    assert [delta.text for delta in deltas] == ["", "", "4", "2", ""]
    whole = deltas[-1].completion
    assert whole is not None
    assert (whole.text, whole.reasoning) == ("42", "Six sevens.")


async def test_reasoning_that_takes_all_the_tokens_says_which_number_to_raise(
    server: Server, serve: Callable[..., Any]
) -> None:
    choice = {"message": {"content": None, "reasoning": "Well, …"}, "finish_reason": "length"}
    server.will(Reply({"choices": [choice]}), Reply({"choices": [choice]}))
    async with serve(reasoning="none") as model:
        for asked, hint in ((True, "the model's own reasoning counts too"), (False, "write `reasoning: none`")):
            with pytest.raises(ModelRejected, match=hint):
                await model.generate(replace(prompt(max_tokens=9), reasons=asked), context=Context())
