"""The rerank connector against servers over loopback: what it asks, what it reads, and what it says of a failure."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from key_leaks import key
from openai_server import Reply, Server, closed_port, failure, serving
from ragstone.connectors.rerank import RerankServer
from ragstone.errors import (
    ConfigError,
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotConfigured,
)
from ragstone.testing.suites import RerankerSuite
from ragstone.types import Context
from rerank_server import Server as Reranking
from rerank_server import serving as reranking

KEY = key("rerank")
CONTEXT = Context()
TEXTS = ["a dog", "the cat sat", "cat"]
NOT_NOW = {"retry-after": "0"}


class TestRerankServer(RerankerSuite):
    deadlines = True
    form: ClassVar[Any] = "documents"
    server: ClassVar[Reranking]

    @pytest.fixture(autouse=True)
    def _serving(self) -> Iterator[None]:
        with reranking(self.form) as server:
            type(self).server = server
            yield

    def make(self, tmp_path: Path) -> RerankServer:
        return RerankServer(self.server.url, "m")


class TestTextEmbeddingsInference(TestRerankServer):
    form: ClassVar[Any] = "texts"


def results(*pairs: tuple[int, Any], name: str = "relevance_score") -> Reply:
    return Reply({"results": [{"index": at, name: score} for at, score in pairs]})


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


async def scored(server: Server, *replies: Reply, texts: list[str] = TEXTS, **keys: Any) -> list[float]:
    server.will(*replies)
    context = keys.pop("context", CONTEXT)
    reranker = RerankServer(server.url, **{"model": "m", "api_key": KEY, **keys})
    reranker.name = "cross"
    try:
        return list(await reranker.scores("cat?", texts, context=context))
    finally:
        await reranker.close()


# ── What it asks and reads ──────────────────────────────────────────────────────────────────────────────────────────


async def test_the_request_names_the_model_and_asks_for_every_text(server: Server):
    found = await scored(server, results((1, 0.9), (2, 0.5), (0, -3.0)), options={"truncate_prompt_tokens": -1})
    assert found == [-3.0, 0.9, 0.5]
    ((path, body, headers),) = server.requests
    assert path == "/v1/rerank"
    assert body == {"model": "m", "query": "cat?", "documents": TEXTS, "top_n": 3, "truncate_prompt_tokens": -1}
    assert headers["authorization"] == f"Bearer {KEY}"


async def test_without_model_and_key_neither_is_sent(server: Server):
    await scored(server, results((0, 1), (1, 1), (2, 1)), model="", api_key="")
    ((_, body, headers),) = server.requests
    assert "model" not in body
    assert "authorization" not in headers


async def test_the_address_may_name_the_endpoint_itself(server: Server):
    server.will(results((0, 1.0)))
    reranker = RerankServer(f"{server.url}/rerank/", "m")
    assert list(await reranker.scores("cat?", ["a"], context=CONTEXT)) == [1.0]
    await reranker.close()
    assert server.requests[0][0] == "/v1/rerank"


async def test_many_texts_go_in_several_requests():
    with reranking() as server:
        reranker = RerankServer(server.url, batch=4)
        texts = [f"cat {'x ' * number}" for number in range(11)]
        found = await reranker.scores("cat", texts, context=CONTEXT)
        await reranker.close()
    assert sorted(len(body["documents"]) for body in server.requests) == [3, 4, 4]
    assert list(found) == sorted(found, reverse=True)
    assert len(set(found)) == 11


async def test_text_embeddings_inference_is_known_by_its_reply_and_asked_its_way_from_then_on():
    with reranking("texts") as server:
        reranker = RerankServer(server.url)
        first = await reranker.scores("cat", TEXTS, context=CONTEXT)
        again = await reranker.scores("cat", TEXTS, context=CONTEXT)
        await reranker.close()
    assert list(first) == list(again)
    assert [sorted(body) for body in server.requests] == [
        ["documents", "query", "top_n"],
        ["query", "texts", "truncate"],
        ["query", "texts", "truncate"],
    ]


# ── A reply that leaves something out ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (results((0, 1.0), (2, 0.5)), "expected texts 0 to 2, found 2 scores"),
        (results((0, 1.0), (1, 0.5), (2, 0.5), (7, 0.1)), "found 4 scores, one of text 7"),
        (results((0, 1.0), (1, 0.5), (-1, 0.5)), "expected texts 0 to 2, found 3 scores"),
        (results((0, 1.0), (0, 0.5), (2, 0.5)), "no single score for text 0"),
        (results((0, 1.0), (1, None), (2, 0.5)), "no single score for text 1"),
        (results((0, 1.0), (1, 0.4), (2, 0.5), name="rank"), "no single score for text 0"),
        (Reply('{"results": [{"index": 0, "relevance_score": NaN}]}'), "no list of scores|no single score"),
        (Reply({"results": "none"}), "no list of scores"),
        (Reply("<html>"), "no list of scores"),
        (Reply([]), "found 0 scores"),  # type: ignore[arg-type]
    ],
)
async def test_every_text_has_a_score_or_it_is_an_error(server: Server, reply: Reply, said: str):
    with pytest.raises(ModelUnavailable, match=said) as raised:
        await scored(server, reply)
    assert str(raised.value).startswith(f"cross ({server.url})")


# ── Failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again_when_it_wants(server: Server, status: int):
    again = Reply({"error": {"message": "overloaded"}}, status=status, headers=NOT_NOW)
    assert await scored(server, again, again, results((0, 1), (1, 2), (2, 3))) == [1, 2, 3]
    assert len(server.requests) == 3


async def test_the_wait_may_be_a_date(server: Server):
    past = email.utils.formatdate(time.time() - 60, usegmt=True)
    again = Reply({}, status=503, headers={"retry-after": past})
    assert await scored(server, again, results((0, 1), (1, 2), (2, 3))) == [1, 2, 3]


async def test_after_the_last_try_it_says_what_the_server_said(server: Server):
    again = Reply({"error": {"message": f"overloaded, {KEY}"}}, status=503, headers=NOT_NOW)
    with pytest.raises(ModelUnavailable, match=r"cannot answer now \(503\): overloaded, \[key\]$") as raised:
        await scored(server, *[again] * 3)
    assert raised.value.retryable
    assert len(server.requests) == 3


@pytest.mark.parametrize(("asked_for", "left"), [("3600", 100_000), ("8", 5)])
async def test_a_wait_that_is_too_long_for_a_person_or_the_deadline_is_not_begun(
    server: Server, asked_for: str, left: int
):
    away = Reply({"detail": "maintenance"}, status=503, headers={"retry-after": asked_for})
    with pytest.raises(ModelUnavailable, match="maintenance"):
        await scored(server, away, context=Context().within(left))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (failure(401, f"bad key {KEY}"), ModelDenied, r"refused the key: bad key \[key\]\. Check the variable"),
        (failure(404, "no such model"), ModelRejected, r"\(404\): no such model\. Is base_url"),
        (Reply({"detail": [{"msg": "Field required"}]}, status=422), ModelRejected, "Field required"),
        (Reply({"message": "invalid"}, status=400), ModelRejected, r"\(400\): invalid$"),
        (failure(400, "maximum context length is 512"), ModelRejected, "truncate_prompt_tokens: -1"),
        (Reply({"error": "batch size 50 > maximum allowed"}, status=413), ModelRejected, "Lower `batch`"),
        (Reply({}, status=307, headers={"location": "http://127.0.0.1/v2"}), ModelRejected, "sends requests on to"),
    ],
)
async def test_a_refusal_is_said_once_and_not_repeated(server: Server, reply: Reply, kind: type, said: str):
    with pytest.raises(kind, match=said) as raised:
        await scored(server, reply)
    assert isinstance(raised.value, ModelError)
    assert not raised.value.retryable
    assert len(server.requests) == 1


async def test_a_server_that_is_down_is_a_clear_error_that_may_pass():
    reranker = RerankServer(f"http://ana:pw@127.0.0.1:{closed_port()}/v1", "m", retries=1)
    with pytest.raises(
        ModelUnavailable, match=r"rerank \(http://127.*cannot be reached.*Is the server running"
    ) as raised:
        await reranker.scores("cat?", TEXTS, context=CONTEXT)
    assert raised.value.retryable
    assert "pw" not in str(raised.value)
    await reranker.close()


async def test_a_connection_that_breaks_off_is_tried_again(server: Server):
    cut = Reply({"results": []}, promised=1000)
    assert await scored(server, cut, results((0, 1), (1, 2), (2, 3))) == [1, 2, 3]


async def test_silence_ends_with_the_timeout_or_the_deadline(server: Server):
    with pytest.raises(ModelTimeout, match=r"said nothing for 0\.5 s"):
        await scored(server, Reply(silent=True), timeout=0.5)
    with pytest.raises(ModelTimeout, match="time for this call was over"):
        await scored(server, Reply(silent=True), context=Context().within(0.05))


async def test_the_first_failure_of_several_requests_ends_the_others(server: Server):
    with pytest.raises(ModelDenied):
        await scored(server, failure(403, "no"), *[Reply(silent=True)] * 3, texts=["a"] * 40, batch=10)


async def test_half_a_character_is_refused_before_it_is_sent(server: Server):
    with pytest.raises(ModelRejected, match="half a character"):
        await scored(server, texts=["\ud83d"])
    assert server.requests == []


# ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_an_address_it_is_not_configured():
    with pytest.raises(NotConfigured, match="no base_url is set"):
        RerankServer(" ", "m")


@pytest.mark.parametrize(
    "keys",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "http://"},
        {"base_url": "http://localhost:port"},
        {"base_url": "ftp://example.org"},
        {"api_key": "a b"},
        {"api_key": "sk-ключ"},
        {"batch": 0},
        {"timeout": 0},
        {"retries": -1},
    ],
)
def test_a_key_that_cannot_be_is_a_fault_of_the_file(keys: dict[str, Any]):
    with pytest.raises(ConfigError):
        RerankServer(**{"base_url": "http://localhost:8000/v1", **keys})
