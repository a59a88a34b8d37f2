"""What layers need of a model, asked of a real vLLM. Its words are noise, so whatever obeys was bound to."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ragstone.connectors.openai import OpenAIModel
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.types import Context, Message, Options, Prompt
from ragstone.usage import Price
from vllm_counters import metric, until

pytestmark = pytest.mark.vllm


def a_prompt(text: str = "What is a chunk?", **options: Any) -> Prompt:
    messages = (Message("system", "Answer from the passages."), Message("user", text))
    given = {"temperature": 1.0, "max_tokens": 40, **options}
    return Prompt(name="samples", version="1", messages=messages, options=Options(**given))


def form(**properties: Any) -> Output:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return Output(name="form", schema=schema, strict=schema, words="In JSON.")


@pytest.fixture
async def model(vllm) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel(model=vllm.model, base_url=vllm.base_url, price=Price(input=1, output=3))
    yield made
    await made.close()


@pytest.fixture
async def raw(vllm) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=vllm.base_url.removesuffix("/v1"), timeout=120) as client:
        yield client


# ── Several at once ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_five_samples_come_in_one_request_and_their_usage_adds_up(
    model: OpenAIModel, raw: httpx.AsyncClient
) -> None:
    one = await model.generate(a_prompt(), context=Context())
    requests, samples = "vllm:request_params_n_count", "vllm:request_params_n_sum"
    counters = (requests, samples, "vllm:generation_tokens_total")
    before = [await metric(raw, name) for name in counters]
    found = await model.sample(a_prompt(), n=5, context=Context())
    after = [await metric(raw, name) for name in counters]
    came, drawn, generated = (new - old for new, old in zip(after, before, strict=True))
    assert (came, drawn) == (1, 5)
    assert len({one.text for one in found}) == 5
    assert {one.finish_reason for one in found} <= {"stop", "length"}
    assert sum(each.usage.input_tokens for each in found) == one.usage.input_tokens
    assert sum(each.usage.output_tokens for each in found) == generated
    assert all(each.usage.output_tokens > 0 for each in found)
    cost = (one.usage.input_tokens * 1 + generated * 3) / 1e6
    assert sum(each.cost for each in found) == pytest.approx(cost)


async def test_samples_of_a_seed_are_the_same_at_once_and_side_by_side(vllm, model: OpenAIModel) -> None:
    alone = OpenAIModel(model=vllm.model, base_url=vllm.base_url, samples=False)
    together = await model.sample(a_prompt(seed=11), n=3, context=Context())
    apart = await alone.sample(a_prompt(seed=11), n=3, context=Context())
    await alone.close()
    assert [one.text for one in together] == [one.text for one in apart]
    assert len({one.text for one in together}) == 3


async def test_a_route_gives_samples_with_its_trace(model: OpenAIModel) -> None:
    context = Context()
    found = await Router({"tiny": model}).sample(a_prompt(), n=3, context=context)
    facts = context.trace.steps[-1].facts
    assert (facts["samples"], facts["given"], len(found)) == (3, 3, 3)
    assert facts["output_tokens"] == sum(one.usage.output_tokens for one in found)


async def test_at_temperature_0_it_refuses_several_and_is_asked_for_each(
    model: OpenAIModel, raw: httpx.AsyncClient
) -> None:
    found = await model.sample(a_prompt(temperature=0), n=2, context=Context())
    assert found[0].text == found[1].text
    before = await metric(raw, "vllm:request_params_n_count")
    assert len(await model.sample(a_prompt(), n=2, context=Context())) == 2
    assert await metric(raw, "vllm:request_params_n_count") - before == 1


async def test_leaving_early_ends_the_work(model: OpenAIModel, raw: httpx.AsyncClient) -> None:
    before = await metric(raw, "vllm:generation_tokens_total")
    task = asyncio.ensure_future(model.sample(a_prompt(max_tokens=8000), n=16, context=Context()))
    await until(raw, "vllm:num_requests_running", least=1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(raw, "vllm:num_requests_running", most=0)
    assert await metric(raw, "vllm:generation_tokens_total") - before < 16 * 4000
    assert (await model.generate(a_prompt(), context=Context())).text


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_samples_obey_a_schema(model: OpenAIModel) -> None:
    output = form(level={"type": "integer", "minimum": 0, "maximum": 9}, sure={"type": "boolean"})
    found = await model.sample(replace(a_prompt(), output=output), n=5, context=Context())
    for one in found:
        said = json.loads(one.text)
        assert said.keys() == {"level", "sure"}
        assert said["level"] in range(10)
        assert said["sure"] in (True, False)
        assert one.structured == "schema"


async def test_an_answer_is_one_of_the_choices_whatever_the_seed(model: OpenAIModel) -> None:
    choices = ["standard class", "first class", "flight"]
    output = form(answer={"type": "string", "enum": choices})
    asked = [replace(a_prompt(seed=seed), output=output) for seed in range(20)]
    found = await asyncio.gather(*(model.generate(prompt, context=Context()) for prompt in asked))
    answers = [json.loads(one.text)["answer"] for one in found]
    assert set(answers) <= set(choices)
    assert len(set(answers)) > 1  # it did choose


# ── Where an answer ends, and how likely it was ─────────────────────────────────────────────────────────────────────


async def test_it_ends_before_the_stop_words(model: OpenAIModel) -> None:
    asked = a_prompt(seed=5, max_tokens=60)
    whole = (await model.generate(asked, context=Context())).text
    words = next(found for found in re.findall(r"[a-z]{3,}", whole) if whole.index(found) > 10)
    cut = await model.generate(replace(asked, options=replace(asked.options, stop=(words,))), context=Context())
    assert cut.finish_reason == "stop"
    assert cut.text == whole[: whole.index(words)]


async def test_the_log_probability_is_the_mean_over_the_tokens(
    vllm, model: OpenAIModel, raw: httpx.AsyncClient
) -> None:
    asked = replace(a_prompt(seed=3), logprobs=True)
    answer = await model.generate(asked, context=Context())
    body = {
        "model": vllm.model,
        "messages": [{"role": message.role, "content": message.content} for message in asked.messages],
        "temperature": 1.0,
        "max_tokens": 40,
        "seed": 3,
        "logprobs": True,
    }
    (choice,) = (await raw.post("/v1/chat/completions", json=body)).json()["choices"]
    values = [token["logprob"] for token in choice["logprobs"]["content"]]
    assert choice["message"]["content"] == answer.text
    assert answer.logprob is not None
    assert answer.logprob < 0
    assert answer.logprob == pytest.approx(math.fsum(values) / len(values), abs=1e-5)


async def test_each_sample_and_each_stream_has_a_log_probability(model: OpenAIModel) -> None:
    asked = replace(a_prompt(seed=3), logprobs=True)
    found = await model.sample(asked, n=3, context=Context())
    assert len({one.logprob for one in found}) == 3
    assert all(one.logprob is not None and one.logprob < 0 for one in found)
    deltas = [delta async for delta in model.stream(asked, context=Context())]
    whole = deltas[-1].completion
    assert whole is not None
    assert (whole.text, whole.logprob) == (found[0].text, pytest.approx(found[0].logprob, abs=1e-5))


# ── Reasoning ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [{"reasoning": "none"}, {"thinking": False}])
async def test_it_takes_both_switches(vllm, settings: dict[str, Any]) -> None:
    made = OpenAIModel(model=vllm.model, base_url=vllm.base_url, **settings)
    found = [await made.generate(replace(a_prompt(), reasons=reasons), context=Context()) for reasons in (True, False)]
    await made.close()
    assert all(one.text for one in found)
    assert (found[0].notice is not None and "temperature" in found[0].notice) == ("reasoning" in settings)
