"""How busy a vLLM server is, by its gauges; and nothing, without harm, of any other server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from openai_server import Reply, Server, closed_port, completion, prompt, serving
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.openai.load import FRESH, SETTLED, Gauges, load_of, page_of
from ragstone.protocols import Load
from ragstone.types import Context

PAGE = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 9.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.25
"""
METRICS = Reply(PAGE, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})
BUSY = Load(running=5, waiting=1, memory=0.375)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
async def model(server: Server) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("m", base_url=server.url, api_key="key")
    yield made
    await made.close()


async def test_the_gauges_of_all_engines_are_added_up(server: Server, model: OpenAIModel) -> None:
    server.will(METRICS)
    assert await model.busy(context=Context()) == BUSY
    assert [path for path, *_ in server.requests] == ["/metrics"]


async def test_many_who_want_to_know_ask_once(server: Server, model: OpenAIModel) -> None:
    server.will(METRICS)
    assert await asyncio.gather(*(model.busy(context=Context()) for _ in range(20))) == [BUSY] * 20
    assert len(server.requests) == 1


class Page:
    """A page, and a clock that is set by hand."""

    def __init__(self, text: str | None) -> None:
        self.text, self.asked, self.now = text, 0, 0.0
        self.gauges = Gauges(self.read, clock=lambda: self.now)

    async def read(self) -> str | None:
        self.asked += 1
        return self.text


async def test_the_load_is_asked_for_once_a_second() -> None:
    page = Page(PAGE)
    for page.now in (0.0, FRESH / 2, FRESH, FRESH * 1.5, FRESH * 2):
        assert await page.gauges.now() == BUSY
    assert page.asked == 3


@pytest.mark.parametrize("text", [None, "", "<html>", "process_cpu_seconds_total 1.0\n"])
async def test_a_server_without_gauges_is_asked_once_a_minute(text: str | None) -> None:
    page = Page(text)
    for page.now in (0.0, FRESH * 2, SETTLED - 1, SETTLED, SETTLED + 1):
        assert await page.gauges.now() is None
    assert page.asked == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply("no", status=404),
        Reply("no", status=500),
        Reply("no", status=401),
        Reply(b"\xff\xfe", headers={"content-type": "text/plain"}),
        Reply(PAGE, promised=99999, headers={"content-type": "text/plain"}),
        Reply({"a": "JSON"}),
    ],
)
async def test_nothing_that_a_server_does_is_an_error(server: Server, model: OpenAIModel, reply: Reply) -> None:
    server.will(reply, completion("yes"))
    assert await model.busy(context=Context()) is None
    assert (await model.generate(prompt(), context=Context())).text == "yes"


async def test_a_server_that_is_away_or_silent_is_no_error(server: Server, model: OpenAIModel) -> None:
    server.will(Reply(silent=True))
    await model.load()
    assert await model.busy(context=Context().within(0.05)) is None
    away = OpenAIModel("m", base_url=f"http://127.0.0.1:{closed_port()}/v1")
    assert await away.busy(context=Context()) is None
    await away.close()


async def test_openai_is_never_asked(tmp_path: Path) -> None:
    made = OpenAIModel("m", api_key="key")
    assert await made.busy(context=Context()) is None
    assert made._channel._client._made is None


@pytest.mark.parametrize(
    "page",
    [
        "vllm:num_requests_running 1.0\n",
        "vllm:num_requests_running x\nvllm:num_requests_waiting 1\n",
        "vllm:num_requests_running NaN\nvllm:num_requests_waiting 1\n",
        "vllm:num_requests_running +Inf\nvllm:num_requests_waiting 1\n",
    ],
)
def test_half_a_page_tells_nothing(page: str) -> None:
    assert load_of(page) is None


def test_the_gauges_lie_beside_the_api() -> None:
    assert page_of("http://gpu:8000/v1/") == "http://gpu:8000/metrics"
    assert page_of("http://gate/one/v1") == "http://gate/one/metrics"
