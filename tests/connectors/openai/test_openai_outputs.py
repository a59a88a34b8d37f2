"""An answer of a form from a server that obeys its schema, one that ignores it, and one that refuses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import openai_server as fake
from openai_server import Reply, Server, collect, completion, failure, piece, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong
from ragstone.output import Output, in_words
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
    made = OpenAIModel("m", base_url=server.url)
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


async def test_what_the_probe_found_and_took_stands_in_the_trace(server: Server, model: OpenAIModel) -> None:
    server.will(completion(OBEYED, usage={"prompt_tokens": 40, "completion_tokens": 9}), SAID)
    context = Context()
    await model.generate(prompt(), context=context)
    (step,) = context.trace.steps
    assert (step.name, step.facts) == (
        "generate.probe",
        {"model": "m", "structured": "schema", "input_tokens": 40, "output_tokens": 9},
    )


# ── A server that ignores it ────────────────────────────────────────────────────────────────────────────────────────


IGNORED = pytest.mark.parametrize(
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


@IGNORED
async def test_a_server_that_ignores_every_form_gets_it_in_words(
    server: Server, model: OpenAIModel, reply: Reply
) -> None:
    server.will(reply, completion("Hello!"), SAID, SAID)
    answer = await asked(model)
    assert (answer.structured, model.capabilities.structured) == ("words", "words")
    await asked(model)
    requests = sent(server)[2:]
    assert [request["messages"][-1] for request in requests] == [TOLD, TOLD]
    assert all("response_format" not in request for request in requests)


@IGNORED
async def test_a_server_that_ignores_the_schema_and_knows_json_gets_both_json_and_words(
    server: Server, model: OpenAIModel, reply: Reply
) -> None:
    server.will(reply, completion("{}"), SAID, SAID)
    answer = await asked(model)
    assert (answer.structured, model.capabilities.structured) == ("json", "json")
    await asked(model, in_words(prompt()))  # as a router does for a model that takes words alone
    _, probe, *requests = sent(server)
    assert "json" in json.dumps(probe["messages"]).lower()  # or OpenAI refuses it
    assert [request["messages"][-1] for request in requests] == [TOLD, TOLD]
    assert [request["response_format"] for request in requests] == [{"type": "json_object"}] * 2


async def test_json_that_is_refused_later_is_asked_for_in_words_from_then_on(
    server: Server, model: OpenAIModel
) -> None:
    server.will(completion("Hello!"), completion("{}"), failure(400, "no JSON with these messages"), SAID, SAID)
    assert [(await asked(model)).structured, (await asked(model)).structured] == ["words", "words"]
    assert ["response_format" in request for request in sent(server)[2:]] == [True, False, False]


# ── A server that refuses it ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_refuses_every_schema_gets_words_and_is_not_probed_again(
    server: Server, model: OpenAIModel
) -> None:
    refusal = failure(400, "response_format is not supported")
    server.will(refusal, refusal, refusal, SAID, SAID)  # the first without `n`, which it might have meant
    context = Context()
    answer = await model.generate(prompt(), context=context)
    assert (answer.structured, model.capabilities.structured) == ("words", "words")
    assert "response_format is not supported" in context.trace.steps[0].facts["refused"]
    await asked(model)
    assert [request["messages"][-1] for request in sent(server)[3:]] == [TOLD, TOLD]


async def test_a_server_that_refuses_schemas_and_knows_json_is_asked_for_json(
    server: Server, model: OpenAIModel
) -> None:
    refusal = failure(400, "json_schema is not supported, n is fine")
    server.will(refusal, refusal, completion("{}"), SAID)
    assert (await asked(model)).structured == "json"


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
    odd = failure(400, "'messages' must alternate")
    server.will(completion(OBEYED), odd, odd, SAID)
    with pytest.raises(ModelRejected, match="must alternate"):
        await asked(model)
    assert (await asked(model)).structured == "schema"


async def test_a_prompt_that_is_too_long_is_not_made_longer_by_words(server: Server, model: OpenAIModel) -> None:
    server.will(completion(OBEYED), failure(400, "This model's maximum context length is 8192 tokens"), SAID)
    with pytest.raises(PromptTooLong, match="context length"):
        await asked(model)
    assert (await asked(model)).structured == "schema"


async def test_an_unknown_model_is_not_taken_for_one_that_refuses_schemas(server: Server, model: OpenAIModel) -> None:
    server.listed = Reply({"data": [{"id": "other"}]})
    server.will(failure(404, "no such model"), completion(OBEYED), SAID)
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


# ── What else the probe tells, and how long it is known ─────────────────────────────────────────────────────────────


def probed(count: int, *, likely: bool) -> Reply:
    logprobs = {"content": [{"token": "{", "logprob": -0.1}]} if likely else None
    message = {"role": "assistant", "content": OBEYED}
    return Reply({"choices": [{"index": n, "message": message, "logprobs": logprobs} for n in range(count)]})


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("likely", [False, True])
async def test_the_probe_tells_whether_samples_and_likelihoods_are_given(
    server: Server, model: OpenAIModel, count: int, likely: bool
) -> None:
    server.will(probed(count, likely=likely))
    await model.probe(context=Context())
    able = model.capabilities
    assert (able.structured, able.samples, able.logprobs) == ("schema", count == 2, likely)
    assert (sent(server)[0]["n"], sent(server)[0]["logprobs"]) == (2, True)


async def test_what_the_file_denies_is_not_asked_for(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, samples=False, logprobs=False)
    server.will(probed(2, likely=True))
    await made.probe(context=Context())
    await made.close()
    assert not {"n", "logprobs"} & set(sent(server)[0])
    assert (made.capabilities.samples, made.capabilities.logprobs) == (False, False)


async def test_probing_a_server_that_is_away_raises_nothing_and_remembers_nothing(
    server: Server, model: OpenAIModel
) -> None:
    server.will(failure(503, "starting"), completion(OBEYED))
    await model.probe(context=Context())
    assert model.capabilities.structured == "schema"
    await model.probe(context=Context())
    await model.probe(context=Context())
    assert len(sent(server)) == 2


LISTED = Reply({"data": [{"id": "m", "created": 1, "root": "/models/m"}]})


async def another(server: Server, cache: Path, **settings: Any) -> OpenAIModel:
    """As another process makes it, and finds out what its server obeys."""
    made = OpenAIModel("m", base_url=server.url, cache=cache, **settings)
    await made.probe(context=Context())
    await made.close()
    return made


async def test_another_process_does_not_ask_again(server: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache.db"
    later = Reply({"data": [{"id": "m", "created": 2, "root": "/models/m"}, {"id": "other"}]})
    server.listed = LISTED
    server.will(completion("Hello!"), completion("{}"))
    first = await another(server, cache)
    server.listed = later
    second = await another(server, cache)
    assert len(sent(server)) == 2
    assert first.capabilities == second.capabilities
    assert second.capabilities.structured == "json"
    assert second.capabilities.samples is False


@pytest.mark.parametrize(
    ("listed", "settings"),
    [
        (Reply({"data": [{"id": "m", "created": 1, "root": "/models/m-v2"}]}), {}),
        (Reply({"data": []}), {}),
        (LISTED, {"reasoning": "low"}),
        (LISTED, {"samples": False}),
    ],
    ids=["another-model", "unlisted", "reasoning", "samples"],
)
async def test_a_server_that_was_changed_is_asked_again(
    server: Server, tmp_path: Path, listed: Reply, settings: dict[str, Any]
) -> None:
    server.listed = LISTED
    server.will(completion(OBEYED), completion("Hello!"), completion("no"))
    await another(server, tmp_path / "cache.db")
    server.listed = listed
    second = await another(server, tmp_path / "cache.db", **settings)
    assert second.capabilities.structured == "words"


async def test_a_server_that_did_not_answer_is_asked_again_by_another_process(server: Server, tmp_path: Path) -> None:
    server.will(failure(503, "starting"), completion(OBEYED))
    await another(server, tmp_path / "cache.db")
    assert not (tmp_path / "cache.db").exists()
    await another(server, tmp_path / "cache.db")
    assert len(sent(server)) == 2


async def test_a_file_that_cannot_be_read_is_no_reason_to_fail(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    server.will(completion(OBEYED))
    made = await another(server, tmp_path / "cache.db")
    assert made.capabilities.structured == "schema"
    assert "cannot be used" in caplog.text
