"""A server is told whose prefix cache a request may use, and no request fails over that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from openai_server import Reply, Server, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel, prefix
from ragstone.connectors.openai.hosts import host_of
from ragstone.errors import ModelRejected
from ragstone.types import Context

REFUSALS = [
    failure(400, "Unrecognized request argument supplied: cache_salt"),
    failure(400, "Parameter 'cache_salt' is not supported with this instance."),
    failure(422, "Extra inputs are not permitted"),
    Reply({"detail": [{"type": "extra_forbidden", "loc": ["body", "cache_salt"], "msg": "no"}]}, status=422),
]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("m", base_url=server.url)
    yield made
    await made.close()


def bodies(server: Server) -> list[dict[str, object]]:
    return [body for path, body, _ in server.requests if path.endswith("/completions")]


async def test_each_tenant_and_each_version_has_a_salt_of_its_own(server: Server, model: OpenAIModel) -> None:
    server.will(*[completion("yes")] * 4)
    other = replace(prompt(), version="2")
    for asked, tenant in [(prompt(), "ann"), (prompt("Why?"), "ann"), (prompt(), "bob"), (other, "ann")]:
        await model.generate(asked, context=Context(tenant=tenant))
    salts = [str(body["cache_salt"]) for body in bodies(server)]
    assert salts[0] == salts[1]
    assert len(set(salts)) == 3
    assert not any("ann" in salt or "bob" in salt for salt in salts)


def test_openai_gets_the_key_by_its_own_name() -> None:
    assert prefix.Prefix(host_of("https://api.openai.com/v1")).name == "prompt_cache_key"
    assert prefix.Prefix(host_of("http://localhost/v1")).name == "cache_salt"


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_server_that_refuses_the_field_is_asked_without_and_not_told_again(
    server: Server, model: OpenAIModel, refusal: Reply
) -> None:
    server.will(refusal, completion("yes"), completion("again"))
    assert (await model.generate(prompt(), context=Context())).text == "yes"
    assert (await model.generate(prompt(), context=Context())).text == "again"
    assert ["cache_salt" in body for body in bodies(server)] == [True, False, False]


async def test_a_stream_that_is_refused_begins_again(server: Server, model: OpenAIModel) -> None:
    server.will(REFUSALS[0], streamed(piece("yes"), piece(finish_reason="stop")))
    deltas = await collect(model, prompt())
    assert "".join(delta.text for delta in deltas) == "yes"
    assert ["cache_salt" in body for body in bodies(server)] == [True, False]


async def test_another_fault_of_the_request_is_reported_at_once(server: Server, model: OpenAIModel) -> None:
    server.will(failure(400, "temperature must be at most 2", param="temperature"), completion("yes"))
    with pytest.raises(ModelRejected, match="temperature must be at most 2"):
        await model.generate(prompt(), context=Context())
    assert len(bodies(server)) == 1
    await model.generate(prompt(), context=Context())
    assert "cache_salt" in bodies(server)[1]


async def test_a_fault_that_stays_without_the_field_is_what_is_reported(server: Server, model: OpenAIModel) -> None:
    server.will(failure(400, "unknown parameter"), failure(400, "unknown parameter: seed"), completion("yes"))
    with pytest.raises(ModelRejected, match="unknown parameter: seed"):
        await model.generate(prompt(), context=Context())
    await model.generate(prompt(), context=Context())
    assert "cache_salt" in bodies(server)[2]
