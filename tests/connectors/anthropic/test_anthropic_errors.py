"""Every way in which the Messages API can fail to answer, and what it means here."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from anthropic_server import begun, ended, event, failure, message, text
from openai_server import Reply, Server, closed_port, collect, prompt, serving
from ragstone.connectors.anthropic import AnthropicModel
from ragstone.connectors.anthropic.errors import kind
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong
from ragstone.types import Context
from ragstone.usage import Usage


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[AnthropicModel]:
    made = AnthropicModel("claude-haiku-5-5", api_key="key", base_url=server.url.removesuffix("/v1"), timeout=20)
    made.name = "house"
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("reply", "error", "again", "words"),
    [
        (failure(400, "invalid_request_error", "top_k: Extra inputs"), ModelRejected, False, "Take topK out"),
        (
            failure(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            PromptTooLong,
            False,
            "fewer passages",
        ),
        (failure(401, "authentication_error", "invalid x-api-key"), ModelDenied, False, "it refused the key"),
        (failure(402, "billing_error", "no credit"), ModelDenied, False, "no credit"),
        (failure(403, "permission_error", "not yours"), ModelDenied, False, "not yours"),
        (failure(404, "not_found_error", "model: claude-9"), ModelRejected, False, "claude-9. Is `model` a name"),
        (failure(408, "timeout_error", "slow"), ModelUnavailable, True, "slow"),
        (failure(409, "conflict_error", "conflict"), ModelUnavailable, True, "conflict"),
        (failure(413, "request_too_large", "Request exceeds 32 MB"), PromptTooLong, False, "32 MB"),
        (failure(422, "invalid_request_error", "odd"), ModelRejected, False, "odd"),
        (failure(429, "rate_limit_error", "too many"), ModelUnavailable, True, "(429): too many"),
        (
            failure(429, "rate_limit_error", "spent", details={"error_code": "enforced_spend_limit_reached"}),
            ModelUnavailable,
            False,
            "spent",
        ),
        (failure(500, "api_error", "Internal server error"), ModelUnavailable, True, "(500)"),
        (failure(501, "api_error", "never"), ModelUnavailable, False, "never"),
        (failure(503, "api_error", "full"), ModelUnavailable, False, "full"),
        (failure(504, "timeout_error", "slow"), ModelUnavailable, True, "slow"),
        (failure(529, "overloaded_error", "Overloaded"), ModelUnavailable, True, "(529): Overloaded"),
        (Reply("<html>Bad Gateway</html>", status=502), ModelUnavailable, True, "Bad Gateway"),
    ],
)
async def test_each_refusal_is_translated_with_the_servers_words_and_asked_once(
    server: Server, model: AnthropicModel, reply: Reply, error: type[ModelError], again: bool, words: str
) -> None:
    server.will(reply)
    with pytest.raises(ModelError) as caught:
        await model.generate(prompt(), context=Context())
    assert (type(caught.value), caught.value.again) == (error, again)
    assert words in str(caught.value)
    assert str(caught.value).startswith("house (http://127.0.0.1:")
    assert len(server.requests) == 1


async def test_a_wait_that_the_server_asks_for_is_said(server: Server, model: AnthropicModel) -> None:
    server.will(failure(429, "rate_limit_error", "too many", {"retry-after": "12"}))
    with pytest.raises(ModelUnavailable) as caught:
        await model.generate(prompt(), context=Context())
    assert caught.value.retry_after == 12


def broke(kind_: str) -> str:
    return event("error", error={"type": kind_, "message": "no more"})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(events=(begun(), broke("overloaded_error"))), ModelUnavailable),
        (Reply(events=(begun(), broke("api_error"))), ModelUnavailable),
        (Reply(events=(begun(), broke("invalid_request_error"))), ModelRejected),
        (Reply(events=(begun(), broke("authentication_error"))), ModelDenied),
        (Reply(events=(begun(), text("a"), broke("overloaded_error"))), ModelUnavailable),
        (Reply(events=(begun(), text("a"))), ModelUnavailable),  # it ends without a reason
        (Reply(events=(begun(), text("a")), broken=True), ModelUnavailable),
        (Reply(events=(begun(), "event: content_block_delta\ndata: {half\n\n")), ModelUnavailable),
        (Reply(events=(begun(), 'event: content_block_delta\ndata: ["list"]\n\n')), ModelUnavailable),
        (Reply(events=(begun(), 'event: message_delta\ndata: {"type": 3}\n\n')), ModelUnavailable),
        (Reply(events=(begun(), ended())), ModelUnavailable),  # it says nothing
        (Reply(events=(begun(), ended("max_tokens"))), ModelRejected),
        (Reply(events=(begun(), text("a"), ended("refusal", {"explanation": "no"}))), ModelRejected),
        (Reply({"type": "message", "content": []}), ModelUnavailable),  # it does not stream
        (Reply("<html>", headers={"content-type": "text/html"}), ModelUnavailable),
        (Reply("", headers={"content-type": "text/event-stream"}), ModelUnavailable),
        (Reply({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}), ModelUnavailable),
    ],
)
async def test_a_stream_that_is_none_or_breaks_off_is_an_error(
    server: Server, model: AnthropicModel, reply: Reply, error: type[ModelError]
) -> None:
    server.will(reply)
    with pytest.raises(ModelError) as caught:
        await collect(model, prompt())
    assert type(caught.value) is error
    assert "cannot be reached" not in str(caught.value)  # it was


async def test_a_refusal_says_why(server: Server, model: AnthropicModel) -> None:
    server.will(Reply(events=(begun(), ended("refusal", {"type": "refusal", "explanation": "It could do harm."}))))
    with pytest.raises(ModelRejected, match=r"it declined to answer: It could do harm\."):
        await model.generate(prompt(), context=Context())


async def test_what_fails_after_it_began_is_charged(server: Server, model: AnthropicModel) -> None:
    server.will(
        Reply(events=(begun(input_tokens=10), ended("refusal", output_tokens=7))),
        Reply(events=(begun(input_tokens=10),), broken=True),
        failure(529, "overloaded_error", "Overloaded"),
    )
    taken: list[Usage | None] = []
    for _ in range(3):
        with pytest.raises(ModelError) as caught:
            await model.generate(prompt(), context=Context())
        taken.append(caught.value.usage)
    # The count that a stream begins with does not hold for what it would have ended with.
    assert taken == [Usage(input_tokens=10, output_tokens=7), Usage(), None]


async def test_the_deadline_ends_a_call_and_asks_nobody_once_it_has_passed(
    server: Server, model: AnthropicModel
) -> None:
    await model.load()
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context(deadline=time.monotonic()))
    assert server.requests == []
    server.will(Reply(silent=True))
    with pytest.raises(ModelTimeout, match="time for this call was over"):
        await model.generate(prompt(), context=Context().within(0.2))


async def test_a_silent_server_is_given_up(server: Server) -> None:
    made = AnthropicModel("claude-haiku-5-5", api_key="key", base_url=server.url.removesuffix("/v1"), timeout=0.1)
    server.will(Reply(silent=True))
    with pytest.raises(ModelTimeout, match=r"it said nothing for 0\.1 s"):
        await made.generate(prompt(), context=Context())
    await made.close()


async def test_a_server_that_cannot_be_reached_is_said() -> None:
    made = AnthropicModel("claude-haiku-5-5", api_key="key", base_url=f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(ModelUnavailable, match="it cannot be reached") as caught:
        await made.generate(prompt(), context=Context())
    await made.close()
    assert caught.value.again


async def test_a_call_that_is_cancelled_stays_cancelled(server: Server, model: AnthropicModel) -> None:
    server.will(Reply(silent=True), message("yes"))
    call = asyncio.create_task(model.generate(prompt(), context=Context()))
    await asyncio.to_thread(server.asked.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await model.generate(prompt(), context=Context())).text == "yes"


async def test_half_a_character_is_refused_before_it_is_sent(server: Server, model: AnthropicModel) -> None:
    server.will(message("yes"))
    with pytest.raises(ModelRejected, match="half a character"):
        await model.generate(prompt("\ud800"), context=Context())
    assert server.requests == []


def _classes(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


def test_every_error_of_the_sdk_has_a_meaning_here() -> None:
    import anthropic

    for found in pkgutil.walk_packages(anthropic.types.__path__, "anthropic.types."):
        if found.name.endswith("_error"):
            importlib.import_module(found.name)
    wanted: dict[str, type[ModelError]] = {
        "AnthropicError": ModelUnavailable,
        "APIError": ModelUnavailable,
        "APIResponseValidationError": ModelUnavailable,
        "APIWebhookValidationError": ModelUnavailable,
        "APIStatusError": ModelUnavailable,
        "APIConnectionError": ModelUnavailable,
        "APITimeoutError": ModelTimeout,
        "RetryableError": ModelUnavailable,
        "CredentialsError": ModelDenied,
        "IdentityTokenFileError": ModelDenied,
        "BadRequestError": ModelRejected,
        "AuthenticationError": ModelDenied,
        "PaymentRequiredError": ModelDenied,
        "PermissionDeniedError": ModelDenied,
        "NotFoundError": ModelRejected,
        "RequestTimeoutError": ModelUnavailable,
        "ConflictError": ModelUnavailable,
        "PreconditionFailedError": ModelRejected,
        "ContentTooLargeError": PromptTooLong,
        "UnprocessableEntityError": ModelRejected,
        "RateLimitError": ModelUnavailable,
        "RequestHeaderFieldsTooLargeError": ModelRejected,
        "ClientClosedRequestError": ModelRejected,
        "InternalServerError": ModelUnavailable,
        "HTTPNotImplementedError": ModelUnavailable,
        "ServiceUnavailableError": ModelUnavailable,
        "GatewayTimeoutError": ModelUnavailable,
        "OverloadedError": ModelUnavailable,
    }
    # Of interfaces that no request of ours uses; whatever they mean, no answer has come.
    elsewhere = (
        "StreamAlreadyConsumed",
        "WorkloadIdentityError",
        "MissingDependencyError",
        "MutuallyExclusiveAuthError",
    )
    for each in _classes(anthropic.AnthropicError):
        known = next(base.__name__ for base in each.__mro__ if base.__name__ in wanted)
        foreign = each.__name__ in elsewhere or each.__name__.startswith("Toolset")
        refusal = hasattr(each, "status_code")  # one for each cause that the API names, beneath that of its status
        assert each.__name__ in wanted or foreign or refusal, f"the SDK has a new error, {each}: decide what it means"
        assert kind(each.__new__(each)) is wanted[known], each
