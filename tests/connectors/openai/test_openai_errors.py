from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from key_leaks import key
from openai_server import Reply, Server, closed_port, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.openai.errors import kind
from ragstone.errors import (
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)
from ragstone.types import Context
from ragstone.usage import Usage

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


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (failure(400, "top_k is no parameter", param="top_k"), ModelRejected, "Take topK out of model.options"),
        (
            failure(400, "'temperature' does not support 0", param="temperature", code="unsupported_value"),
            ModelRejected,
            "'temperature' does not support 0. Take temperature out of model.options",
        ),
        (failure(400, "no reasoning_effort here"), ModelRejected, "Take reasoning out of the connector's file"),
        (failure(400, "too much", code="context_length_exceeded"), PromptTooLong, "fewer passages"),
        (failure(400, "maximum context length is 2048 tokens"), PromptTooLong, "fewer passages"),
        (Reply({"detail": "no messages"}, status=422), ModelRejected, "no messages"),
        (failure(401, "Incorrect key"), ModelDenied, "it refused the key: Incorrect key. Check the variable"),
        (failure(402, "Insufficient balance"), ModelDenied, "Insufficient balance"),
        (failure(403, "not in your country"), ModelDenied, "not in your country"),
        (failure(409, "conflict"), ModelUnavailable, "(409): conflict"),
        (failure(429, "You exceeded your quota"), ModelUnavailable, "(429): You exceeded your quota"),
        (Reply({"error": "model is loading"}, status=500), ModelUnavailable, "(500): model is loading"),
        (Reply("<html>\n<b>Bad\tGateway</b>", status=502), ModelUnavailable, "(502): <html> <b>Bad Gateway</b>"),
        (failure(503, "queue is full"), ModelUnavailable, "(503): queue is full"),
    ],
)
async def test_each_refusal_is_translated_with_the_servers_words(
    server: Server, model: OpenAIModel, reply: Reply, error: type[ModelError], words: str, streaming: bool
) -> None:
    server.will(reply)
    with pytest.raises(error) as caught:
        await (collect(model, prompt()) if streaming else model.generate(prompt(), context=Context()))
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"house ({server.url}): ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply('{"choices": [{"mess'), "no JSON"),
        (Reply(b'{"choices": "\xff"}'), "no JSON"),
        (Reply("<html>", headers={"content-type": "text/html"}), "no chat completion"),
        (Reply("null"), "no chat completion"),
        (Reply("[1, 2]"), "no chat completion"),
        (Reply({"choices": "none"}), "no chat completion"),
        (Reply({"choices": [{"message": "hello"}]}), "no chat completion"),
        (Reply({}), "no choice"),
        (Reply({"choices": []}), "no choice"),
        (Reply({"error": {"message": "all workers are busy"}}), "replied with an error: all workers are busy"),
        (Reply({"error": "busy"}), "replied with an error: busy"),
        (completion(None), "its answer is empty"),
        (completion(" \n"), "its answer is empty"),
        (Reply('{"choices": [', promised=5000), "cannot be reached"),
    ],
)
async def test_a_reply_that_is_none_is_an_error(server: Server, model: OpenAIModel, reply: Reply, words: str) -> None:
    server.will(reply)
    with pytest.raises(ModelUnavailable, match=words):
        await model.generate(prompt(), context=Context())


@pytest.mark.parametrize(
    ("reason", "words"),
    [("length", "used up 800 tokens before the first word.* maxOutputTokens"), ("content_filter", "filter")],
)
async def test_a_model_that_says_nothing_for_a_reason_would_say_nothing_again(
    server: Server, model: OpenAIModel, reason: str, words: str
) -> None:
    server.will(completion(None, finish_reason=reason))
    with pytest.raises(ModelRejected, match=words):
        await model.generate(prompt(max_tokens=800), context=Context())


@pytest.mark.parametrize(
    ("reply", "again"),
    [
        *[(failure(status, "no"), True) for status in (408, 409, 425, 429, 500, 502, 504, 529)],
        *[(failure(status, "no"), False) for status in (400, 401, 403, 404, 422, 501, 503)],
        (failure(429, "You exceeded your current quota", code="insufficient_quota"), False),
        (Reply('{"choices": [{"mess'), True),
        (Reply('{"choices": [', promised=5000), True),
    ],
)
async def test_an_error_says_whether_the_same_server_may_be_asked_again_and_it_is_asked_once(
    server: Server, model: OpenAIModel, reply: Reply, again: bool
) -> None:
    server.will(reply)
    with pytest.raises(ModelError) as caught:
        await model.generate(prompt(), context=Context())
    assert caught.value.again is again
    assert len([path for path, *_ in server.requests if path.endswith("/completions")]) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("streaming", [False, True])
async def test_an_error_says_how_long_the_server_wants_to_be_left_alone(
    server: Server, model: OpenAIModel, status: int, streaming: bool
) -> None:
    server.will(Reply({"error": "busy"}, status=status, headers={"retry-after": "7"}))
    with pytest.raises(ModelUnavailable) as caught:
        await (collect(model, prompt()) if streaming else model.generate(prompt(), context=Context()))
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ({"message": "too many", "code": 429}, ModelUnavailable, "too many"),
        ({"message": "no such field", "code": 400}, ModelRejected, "no such field"),
        ({"message": "bad key", "code": 401}, ModelDenied, "bad key"),
        ({"message": "maximum context length is 9", "code": 400}, PromptTooLong, "fewer passages"),
        ({"message": "odd", "code": "overloaded"}, ModelUnavailable, "odd"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_an_error_with_status_200_means_what_its_body_says(
    server: Server, model: OpenAIModel, error: dict[str, Any], kind: type[ModelError], words: str, streaming: bool
) -> None:
    body = {"error": error}
    server.will(streamed(json.dumps(body)) if streaming else Reply(body))
    with pytest.raises(ModelError, match=words) as caught:
        await (collect(model, prompt()) if streaming else model.generate(prompt(), context=Context()))
    assert type(caught.value) is kind


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_deadline_ends_a_call(server: Server, model: OpenAIModel, streaming: bool) -> None:
    await model.load()
    server.will(Reply(silent=True))
    context = Context().within(0.2)
    with pytest.raises(ModelTimeout, match="time for this call was over"):
        await (collect(model, prompt(), context=context) if streaming else model.generate(prompt(), context=context))


async def test_a_deadline_that_has_passed_asks_nobody(server: Server, model: OpenAIModel) -> None:
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context(deadline=time.monotonic()))
    assert server.requests == []


async def test_a_silent_server_is_given_up(server: Server) -> None:
    made = OpenAIModel("m", base_url=server.url, timeout=0.1)
    server.will(Reply(silent=True))
    with pytest.raises(ModelTimeout, match=r"it said nothing for 0\.1 s"):
        await made.generate(prompt(), context=Context())
    await made.close()


async def test_a_call_that_is_cancelled_stays_cancelled(server: Server, model: OpenAIModel) -> None:
    server.will(Reply(silent=True), completion("yes"))
    call = asyncio.create_task(model.generate(prompt(), context=Context()))
    await asyncio.to_thread(server.asked.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await model.generate(prompt(), context=Context())).text == "yes"


async def test_a_refused_connection_asks_whether_the_server_is_running() -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    made = OpenAIModel("m", base_url=url)
    with pytest.raises(ModelUnavailable) as caught:
        await made.generate(prompt(), context=Context())
    await made.close()
    assert url in str(caught.value)
    assert str(caught.value).endswith("Is the server running?")


async def test_a_name_that_nobody_knows_is_reported_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **options: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    made = OpenAIModel("m", base_url="http://nowhere.invalid/v1")
    with pytest.raises(ModelUnavailable, match=r"nowhere\.invalid.*Name or service not known"):
        await made.generate(prompt(), context=Context())
    await made.close()


async def test_an_unknown_model_is_named_with_the_nearest_that_is_served(server: Server) -> None:
    made = OpenAIModel("qwen3-8", base_url=server.url)
    server.will(failure(404, "The model does not exist"))
    server.listed = Reply({"data": [{"id": "qwen3-8b"}, {"id": "llama"}]})
    with pytest.raises(ModelRejected) as caught:
        await made.generate(prompt(), context=Context())
    await made.close()
    assert str(caught.value).endswith(
        "it has no model 'qwen3-8': expected one of llama, qwen3-8b. Did you mean 'qwen3-8b'?"
    )


@pytest.mark.parametrize(
    "listed", [failure(404, "Not Found"), Reply("[]"), Reply({"data": None}), Reply("{"), Reply({"data": []})]
)
async def test_a_wrong_path_is_told_from_an_unknown_model(server: Server, model: OpenAIModel, listed: Reply) -> None:
    server.will(failure(404, "Not Found"))
    server.listed = listed
    with pytest.raises(ModelRejected, match=r"found nothing: Not Found\. Does base_url end in /v1, and does"):
        await model.generate(prompt(), context=Context())


async def test_half_a_character_is_refused_before_it_is_sent(server: Server, model: OpenAIModel) -> None:
    server.will(completion("yes"))
    with pytest.raises(ModelRejected, match="half a character"):
        await model.generate(prompt("\ud800"), context=Context())
    assert server.requests == []


def _classes(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


def test_every_error_of_the_sdk_has_a_meaning_here() -> None:
    import openai

    wanted: dict[str, type[ModelError]] = {
        "OpenAIError": ModelUnavailable,
        "APIError": ModelUnavailable,
        "APIConnectionError": ModelUnavailable,
        "APITimeoutError": ModelTimeout,
        "APIResponseValidationError": ModelUnavailable,
        "APIStatusError": ModelUnavailable,
        "BadRequestError": ModelRejected,
        "AuthenticationError": ModelDenied,
        "OAuthError": ModelDenied,
        "PermissionDeniedError": ModelDenied,
        "NotFoundError": ModelRejected,
        "ConflictError": ModelUnavailable,
        "UnprocessableEntityError": ModelRejected,
        "RateLimitError": ModelUnavailable,
        "InternalServerError": ModelUnavailable,
        "LengthFinishReasonError": ModelRejected,
        "ContentFilterFinishReasonError": ModelRejected,
        "SubjectTokenProviderError": ModelDenied,
        # Of interfaces that no request of ours uses; whatever they mean, no answer has come.
        "AzureError": ModelUnavailable,
        "MutuallyExclusiveAuthError": ModelUnavailable,
        "WebSocketConnectionClosedError": ModelUnavailable,
        "WebSocketQueueFullError": ModelUnavailable,
        "StreamAlreadyConsumed": ModelUnavailable,
        "APIRemovedInV1": ModelUnavailable,
        "_AmbiguousModuleClientUsageError": ModelUnavailable,
    }
    importlib.import_module("openai.lib.azure")
    found = {each.__name__: each for each in _classes(openai.OpenAIError)}
    assert set(found) <= set(wanted), "the SDK has a new error: decide what it means"
    assert {name: kind(each.__new__(each)) for name, each in found.items()} == {name: wanted[name] for name in found}


# ── What a failure has cost ─────────────────────────────────────────────────────────────────────────────────────────

COUNTED = {"prompt_tokens": 10, "completion_tokens": 800}
TAKEN = Usage(input_tokens=10, output_tokens=800)


@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
async def test_an_answer_without_words_is_charged_all_the_same(server: Server, model: OpenAIModel, reason: str) -> None:
    thought = json.dumps({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": None}]})
    server.will(
        completion(None, finish_reason=reason, usage=COUNTED),
        streamed(thought, piece(finish_reason=reason), json.dumps({"choices": [], "usage": COUNTED})),
    )
    with pytest.raises(ModelError) as whole:
        await model.generate(prompt(max_tokens=800), context=Context())
    with pytest.raises(ModelError) as read:
        await collect(model, prompt(max_tokens=800))
    assert (whole.value.usage, read.value.usage) == (TAKEN, TAKEN)


async def test_what_a_broken_answer_has_cost_is_not_known_and_not_nothing(server: Server, model: OpenAIModel) -> None:
    server.will(streamed(piece("200 tok"), done=False, broken=True), completion(" \n"))
    with pytest.raises(ModelUnavailable) as broken:
        await collect(model, prompt())
    with pytest.raises(ModelUnavailable) as empty:
        await model.generate(prompt(), context=Context())
    assert (broken.value.usage, empty.value.usage) == (Usage(), Usage())


async def test_a_refusal_costs_nothing(server: Server, model: OpenAIModel) -> None:
    server.will(failure(400, "no"), failure(503, "overloaded"), Reply(events=('{"error": {"message": "full"}}',)))
    for ask in (model.generate(prompt(), context=Context()), collect(model, prompt()), collect(model, prompt())):
        with pytest.raises(ModelError) as caught:
            await ask
        assert caught.value.usage is None
