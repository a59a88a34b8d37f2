"""Several answers of one server: at once where it gives them so, side by side where it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_server import Reply, Server, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.openai.replies import Said, shares
from ragstone.errors import ModelDenied, ModelRejected, ModelTimeout, ModelUnavailable
from ragstone.output import Output
from ragstone.types import Context
from ragstone.usage import Price, Usage

GREEDY = failure(400, "n must be 1 when using greedy sampling, got 3.")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("m", base_url=server.url, price=Price(input=1, output=10, cached_input=0.5))
    yield made
    await made.close()


def choices(*texts: str | None, reasons: tuple[str, ...] = (), usage: Any = None) -> Reply:
    """A stream of several answers, whose pieces come in turns."""
    ends = reasons or ("stop",) * len(texts)

    def part(index: int, delta: dict[str, Any], reason: str | None = None) -> str:
        return json.dumps({"choices": [{"index": index, "delta": delta, "finish_reason": reason}], "model": "m-2026"})

    first = [part(at, {"role": "assistant", "content": (text or "")[:2]}) for at, text in enumerate(texts)]
    ended = zip(texts, ends, strict=True)
    rest = [part(at, {"content": (text or "")[2:]}, reason) for at, (text, reason) in enumerate(ended)]
    return streamed(*first, *reversed(rest), json.dumps({"choices": [], "usage": usage}))


def alone(text: str, usage: Any = None) -> Reply:
    """A stream of one answer."""
    return choices(text, usage=usage)


def bodies(server: Server) -> list[dict[str, Any]]:
    return [body for path, body, _ in server.requests if path.endswith("/completions")]


# ── At once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_request_gives_them_all_and_its_usage_adds_up(server: Server, model: OpenAIModel) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 31, "prompt_tokens_details": {"cached_tokens": 64}}
    server.will(choices("four", "five hundred", "4", reasons=("stop", "length", "stop"), usage=usage))
    found = await model.sample(prompt(temperature=0.7, max_tokens=8), n=3, context=Context())
    (body,) = bodies(server)
    assert body["n"] == 3
    assert [(one.text, one.finish_reason, one.model) for one in found] == [
        ("four", "stop", "m-2026"),
        ("five hundred", "length", "m-2026"),
        ("4", "stop", "m-2026"),
    ]
    assert [one.notice for one in found] == [None, "The answer was cut off at its limit of 8 tokens.", None]
    assert [one.usage.input_tokens for one in found] == [100, 0, 0]
    assert [one.usage.cached_tokens for one in found] == [64, 0, 0]
    assert sum(one.usage.output_tokens for one in found) == 31
    assert sum(one.cost for one in found) == pytest.approx((36 * 1 + 64 * 0.5 + 31 * 10) / 1e6)


@given(st.integers(0, 10_000), st.lists(st.text(max_size=30), min_size=1, max_size=9))
def test_shares_add_up_whatever_the_lengths(tokens: int, texts: list[str]) -> None:
    whole = Usage(input_tokens=50, cached_tokens=7, output_tokens=tokens if any(texts) else 0)
    parts = shares(whole, [Said(texts=[text]) for text in texts])
    assert len(parts) == len(texts)
    assert sum(part.output_tokens for part in parts) == whole.output_tokens
    assert all(part.output_tokens >= 0 for part in parts)
    assert (parts[0].input_tokens, parts[0].cached_tokens) == (50, 7)
    assert not any(part.input_tokens or part.cached_tokens for part in parts[1:])


async def test_one_of_them_that_says_nothing_is_lost_and_not_asked_for_again(
    server: Server, model: OpenAIModel
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 30}
    server.will(choices("4", "", "5", reasons=("stop", "length", "stop"), usage=usage))
    found = await model.sample(prompt(max_tokens=20), n=3, context=Context())
    assert [one.text for one in found] == ["4", "5"]
    assert all("1 of 3 samples are missing" in str(one.notice) for one in found)
    assert sum(one.usage.output_tokens for one in found) == 30
    assert len(bodies(server)) == 1


async def test_nothing_in_any_of_them_is_an_error(server: Server, model: OpenAIModel) -> None:
    server.will(choices("", None, reasons=("length", "length")))
    with pytest.raises(ModelRejected, match="used up 20 tokens before the first word"):
        await model.sample(prompt(max_tokens=20), n=2, context=Context())


async def test_one_that_breaks_off_is_lost_and_all_of_them_are_an_error(server: Server, model: OpenAIModel) -> None:
    def part(index: int, text: str, reason: str | None) -> str:
        return json.dumps({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]})

    server.will(
        streamed(part(0, "4", "stop"), part(1, "5", None), done=False),
        streamed(part(0, "4", None), part(1, "5", None), done=False),
        streamed(part(0, "4", "stop"), part(1, "5", None), broken=True, done=False),
        choices("4", "5"),
    )
    (found,) = await model.sample(prompt(), n=2, context=Context())
    assert "1 of 2 samples are missing" in str(found.notice)
    for words in ("broke off", "connection"):
        with pytest.raises(ModelUnavailable, match=words):
            await model.sample(prompt(), n=2, context=Context())
    assert len(await model.sample(prompt(), n=2, context=Context())) == 2
    assert [body["n"] for body in bodies(server)] == [2, 2, 2, 2]


async def test_one_sample_is_a_plain_request(server: Server, model: OpenAIModel) -> None:
    server.will(alone("yes"))
    (found,) = await model.sample(prompt(), n=1, context=Context())
    assert found.text == "yes"
    assert "n" not in server.sent


async def test_samples_of_a_form_obey_the_schema(server: Server, model: OpenAIModel) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    asked = replace(prompt(), output=Output(name="o", schema=schema, strict=schema, words="In JSON."))
    obeyed = '{"code": "q7f3-x81k-0d52"}'
    several = [{"index": at, "message": {"content": obeyed}, "finish_reason": "stop"} for at in range(2)]
    server.will(Reply({"choices": several}), choices('{"a": 1}', '{"a": 2}'))
    found = await model.sample(asked, n=2, context=Context())
    assert [(one.text, one.structured) for one in found] == [('{"a": 1}', "schema"), ('{"a": 2}', "schema")]
    probe, body = bodies(server)
    assert (probe["n"], body["n"], "response_format" in body) == (2, 2, True)


# ── Side by side ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "refusal",
    [
        failure(400, "'n' : number must be at most 1 but got 3"),
        failure(400, "Only one completion choice is allowed"),
        failure(422, "Extra inputs are not permitted"),
        Reply({"detail": [{"type": "less_than_equal", "loc": ["body", "n"], "msg": "no"}]}, status=422),
        None,
    ],
    ids=["named", "in-words", "unknown-field", "in-detail", "ignored"],
)
async def test_a_server_that_gives_one_alone_is_found_out_once(
    server: Server, model: OpenAIModel, refusal: Reply | None
) -> None:
    first = [refusal] if refusal else []
    if refusal and "Extra" in str(refusal.body):
        first = [refusal, refusal]  # the salt is left out first, since nothing says which field it is
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    server.will(*first, *(alone("yes", usage=usage) for _ in range(6)))
    for _ in range(2):
        found = await model.sample(prompt(seed=7), n=3, context=Context())
        assert [one.text for one in found] == ["yes"] * 3
        assert sum(one.usage.input_tokens for one in found) == 30
    asked = bodies(server)
    assert ["n" in body for body in asked] == [*[True] * len(first), refusal is None, *[False] * 5]
    assert sorted(body["seed"] for body in asked[-6:]) == [7, 7, 8, 8, 9, 9]
    if refusal and "Extra" in str(refusal.body):
        assert "cache_salt" in asked[-1]  # it was not the salt


async def test_what_a_server_leaves_out_is_asked_for_with_the_next_seeds(server: Server, model: OpenAIModel) -> None:
    server.will(choices("a", "b"), alone("c"), alone("d"))
    found = await model.sample(prompt(seed=1), n=4, context=Context())
    assert [one.text for one in found[:2]] == ["a", "b"]
    assert sorted(one.text for one in found[2:]) == ["c", "d"]
    assert sorted(body["seed"] for body in bodies(server)[1:]) == [3, 4]


async def test_a_refusal_at_temperature_0_is_no_reason_to_give_up(server: Server, model: OpenAIModel) -> None:
    server.will(GREEDY, *[alone("yes")] * 3, choices("a", "b", "c"))
    assert len(await model.sample(prompt(temperature=0), n=3, context=Context())) == 3
    assert len(await model.sample(prompt(temperature=1), n=3, context=Context())) == 3
    assert len(bodies(server)) == 5


async def test_a_request_that_is_wrong_without_n_too_is_an_error(server: Server, model: OpenAIModel) -> None:
    server.will(*[failure(400, "temperature must be at most 2", param="temperature")] * 2, choices("a", "b"))
    with pytest.raises(ModelRejected, match="temperature must be at most 2"):
        await model.sample(prompt(), n=2, context=Context())
    assert len(await model.sample(prompt(), n=2, context=Context())) == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_an_error_at_once(server: Server, model: OpenAIModel, status: int) -> None:
    server.will(failure(status, "no such key"))
    with pytest.raises(ModelDenied):
        await model.sample(prompt(), n=5, context=Context())
    assert len(bodies(server)) == 1


async def test_the_file_may_say_that_a_server_gives_one_alone(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, samples=False)
    server.will(alone("a"), failure(500, "broke"), alone("c"))
    found = await made.sample(prompt(), n=3, context=Context())
    await made.close()
    assert not made.capabilities.samples
    assert sorted(one.text for one in found) == ["a", "c"]
    assert all("1 of 3 samples are missing" in str(one.notice) for one in found)
    assert not any("n" in body for body in bodies(server))


async def test_the_deadline_ends_all_of_them(server: Server, model: OpenAIModel) -> None:
    server.will(Reply(silent=True))
    with pytest.raises(ModelTimeout):
        await model.sample(prompt(), n=3, context=Context().within(0.2))


async def test_a_caller_who_goes_away_ends_all_of_them(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, samples=False)
    server.will(*[Reply(silent=True)] * 4)
    task = asyncio.ensure_future(made.sample(prompt(), n=4, context=Context()))
    await asyncio.to_thread(server.asked.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.close()
    assert not [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]


# ── How likely the words were ───────────────────────────────────────────────────────────────────────────────────────


def told(*values: float | None) -> dict[str, Any]:
    return {"content": [{"token": "x", "logprob": value} for value in values]}


def likely(text: str, logprobs: Any, **fields: Any) -> Reply:
    choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": logprobs}
    return Reply({"choices": [choice], **fields})


async def test_the_mean_over_the_tokens_is_told_to_who_asks(server: Server, model: OpenAIModel) -> None:
    server.will(likely("a b", told(-0.5, -1.5)), likely("a b", told(-0.5, -1.5)))
    assert (await model.generate(replace(prompt(), logprobs=True), context=Context())).logprob == -1.0
    assert server.sent["logprobs"] is True
    assert (await model.generate(prompt(), context=Context())).logprob is None
    assert "logprobs" not in server.sent


async def test_a_stream_tells_it_of_all_its_pieces(server: Server, model: OpenAIModel) -> None:
    def part(text: str, value: float) -> str:
        return piece(choices=[{"index": 0, "delta": {"content": text}, "logprobs": told(value)}])

    server.will(streamed(part("a ", -0.25), part("b", -0.75), piece(finish_reason="stop")))
    whole = (await collect(model, replace(prompt(), logprobs=True)))[-1].completion
    assert whole is not None
    assert (whole.text, whole.logprob) == ("a b", -0.5)


@pytest.mark.parametrize(
    "logprobs",
    [None, {}, {"content": None}, {"content": []}, told(None), {"content": "odd"}, [1, 2], told(float("-inf"))],
)
async def test_what_a_server_leaves_out_or_garbles_is_unknown(
    server: Server, model: OpenAIModel, logprobs: Any
) -> None:
    server.will(likely("yes", logprobs))
    answer = await model.generate(replace(prompt(), logprobs=True), context=Context())
    assert (answer.text, answer.logprob) == ("yes", None)


@pytest.mark.parametrize(
    "refusal",
    [
        failure(403, "You are not allowed to request logprobs from this model"),
        failure(400, "logprobs are not supported with reasoning models", param="logprobs"),
    ],
)
async def test_a_server_that_refuses_them_is_not_asked_again(
    server: Server, model: OpenAIModel, refusal: Reply
) -> None:
    server.will(refusal, completion("yes"), completion("again"))
    for text in ("yes", "again"):
        answer = await model.generate(replace(prompt(), logprobs=True), context=Context())
        assert (answer.text, answer.logprob) == (text, None)
    assert ["logprobs" in body for body in bodies(server)] == [True, False, False]
    assert all("cache_salt" in body for body in bodies(server))


async def test_the_file_may_say_that_a_server_tells_none(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, logprobs=False)
    server.will(completion("yes"))
    await made.generate(replace(prompt(), logprobs=True), context=Context())
    await made.close()
    assert not made.capabilities.logprobs
    assert "logprobs" not in server.sent
