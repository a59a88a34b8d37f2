"""An answer of a form from a server that obeys its schema, one that ignores it, and one that refuses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

import openai_server as fake
from openai_server import Reply, Server, collect, completion, failure, piece, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ModelRejected, ModelTimeout, ModelUnavailable
from ragstone.output import Output
from ragstone.types import Completion, Context, Prompt

SCHEMA = {
    "type": "object",
    "properties": {"hours": {"type": "integer"}},
    "required": ["hours"],
    "additionalProperties": False,
}
OUTPUT = Output(name="rule", schema=SCHEMA, strict=SCHEMA, words="Reply by this schema: …")
FORMAT = {"type": "json_schema", "json_schema": {"name": "rule", "strict": True, "schema": SCHEMA}}
FREE = {"role": "user", "content": "How long is a chunk?"}
TOLD = {"role": "user", "content": "How long is a chunk?\n\nReply by this schema: …"}
OBEYED = '{"code": "q7f3-x81k-0d52"}'
SAID = completion('{"hours": 4}')


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("m", base_url=server.url, retries=0)
    yield made
    await made.close()


def prompt(output: Output | None = OUTPUT, **options: Any) -> Prompt:
    return replace(fake.prompt(**options), output=output)


def sent(server: Server) -> list[dict[str, Any]]:
    return [body for path, body, _ in server.requests if path.endswith("/completions")]


async def asked(model: OpenAIModel, given: Prompt | None = None) -> Completion:
    return await model.generate(given or prompt(), context=Context())


# ── A server that obeys ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_obeys_gets_the_schema_and_no_words(server: Server, model: OpenAIModel) -> None:
    server.will(completion(OBEYED), SAID)
    answer = await asked(model)
    probe, request = sent(server)
    assert (answer.text, answer.structured) == ('{"hours": 4}', "schema")
    assert request["response_format"] == FORMAT
    assert request["messages"][-1] == FREE
    assert probe["response_format"]["json_schema"]["strict"] is True
    assert "q7f3" not in json.dumps(probe["messages"])  # or a model could say the code without being bound to it


async def test_it_is_probed_once(server: Server, model: OpenAIModel) -> None:
    server.will(completion(OBEYED), SAID, SAID, streamed(piece('{"hours": 4}'), piece(finish_reason="stop")))
    await asyncio.gather(asked(model), asked(model))
    deltas = await collect(model, prompt())
    assert len(sent(server)) == 4
    assert all(request["response_format"] == FORMAT for request in sent(server)[1:])
    assert deltas[-1].completion is not None
    assert (deltas[-1].completion.text, deltas[-1].completion.structured) == ('{"hours": 4}', "schema")


async def test_free_text_is_asked_for_without_a_probe(server: Server, model: OpenAIModel) -> None:
    server.will(completion("200 tokens [1]."))
    answer = await asked(model, prompt(None))
    assert answer.structured is None
    assert "response_format" not in sent(server)[0]


async def test_what_the_probe_found_stands_in_the_trace(server: Server, model: OpenAIModel) -> None:
    server.will(completion(OBEYED), SAID)
    context = Context()
    await model.generate(prompt(), context=context)
    (step,) = context.trace.steps
    assert (step.name, step.facts) == ("generate.probe", {"model": "m", "obeys": True})


# ── A server that ignores it ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reply",
    [
        completion("Hello! How can I help you?"),
        completion('{"code": "abc"}'),
        completion(f"Here: {OBEYED}"),
        completion(None, finish_reason="length"),
        Reply({"choices": []}),
    ],
    ids=["words", "another-code", "words-around", "nothing", "no-choice"],
)
async def test_a_server_that_ignores_the_schema_gets_it_in_words(
    server: Server, model: OpenAIModel, reply: Reply
) -> None:
    server.will(reply, SAID, SAID)
    answer = await asked(model)
    assert answer.structured == "words"
    await asked(model)
    requests = sent(server)[1:]
    assert [request["messages"][-1] for request in requests] == [TOLD, TOLD]
    assert all("response_format" not in request for request in requests)


# ── A server that refuses it ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_refuses_every_schema_gets_words_and_is_not_probed_again(
    server: Server, model: OpenAIModel
) -> None:
    server.will(failure(400, "response_format is not supported"), SAID, SAID)
    context = Context()
    answer = await model.generate(prompt(), context=context)
    assert answer.structured == "words"
    assert context.trace.steps[0].facts["obeys"] is False
    assert "response_format is not supported" in context.trace.steps[0].facts["refused"]
    await asked(model)
    assert [request["messages"][-1] for request in sent(server)[1:]] == [TOLD, TOLD]


async def test_one_schema_that_is_refused_is_asked_for_in_words_from_then_on(
    server: Server, model: OpenAIModel
) -> None:
    refusal = failure(400, "Invalid schema for response_format 'rule'")
    server.will(completion(OBEYED), refusal, SAID, SAID, SAID)
    assert (await asked(model)).structured == "words"
    assert (await asked(model)).structured == "words"
    other = replace(OUTPUT, strict={**SCHEMA, "description": "Another"})
    assert (await asked(model, prompt(other))).structured == "schema"
    assert ["response_format" in request for request in sent(server)] == [True, True, False, False, True]


async def test_a_stream_of_a_refused_schema_comes_in_words(server: Server, model: OpenAIModel) -> None:
    whole = streamed(piece('{"hours": 4}'), piece(finish_reason="stop"))
    server.will(completion(OBEYED), failure(400, "Invalid schema"), whole)
    deltas = await collect(model, prompt())
    assert deltas[-1].completion is not None
    assert deltas[-1].completion.structured == "words"


async def test_a_request_that_is_refused_in_words_too_is_an_error_and_says_nothing_of_the_schema(
    server: Server, model: OpenAIModel
) -> None:
    long = failure(400, "This model's maximum context length is 8192 tokens")
    server.will(completion(OBEYED), long, long, SAID)
    with pytest.raises(ModelRejected, match="context length"):
        await asked(model)
    assert (await asked(model)).structured == "schema"


async def test_an_unknown_model_is_not_taken_for_one_that_refuses_schemas(server: Server, model: OpenAIModel) -> None:
    missing, listed = failure(404, "no such model"), Reply({"data": [{"id": "other"}]})
    server.will(missing, listed, missing, listed, completion(OBEYED), SAID)
    with pytest.raises(ModelRejected, match="no model 'm'"):
        await asked(model)
    assert (await asked(model)).structured == "schema"


async def test_a_probe_that_is_not_answered_is_an_error_and_is_asked_again(server: Server, model: OpenAIModel) -> None:
    server.will(failure(503, "overloaded"), completion(OBEYED), SAID)
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await asked(model)
    assert (await asked(model)).structured == "schema"


async def test_the_deadline_holds_for_the_probe(server: Server, model: OpenAIModel) -> None:
    server.will(Reply(silent=True))
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context().within(0.2))
