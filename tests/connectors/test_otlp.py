"""Traces that are sent on: read again by OpenTelemetry's own messages, and no answer waits for their receiver."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.connectors import otlp
from ragstone.connectors.otlp import OtlpTraces
from ragstone.errors import ConfigError, NotConfigured
from ragstone.trace import Step, StoredTrace

PATIENCE = 30.0
SECRET = "zanzibar"


class Receiver:
    """Takes traces over HTTP, and answers with the statuses that it is told, then with 200."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
                request = ExportTraceServiceRequest.FromString(body)
                with receiver.came:
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                    if status == 200:
                        receiver.requests.append(request)
                    receiver.came.notify_all()
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    @property
    def spans(self) -> list[Any]:
        """All that have come."""
        return [span for one in self.requests for span in one.resource_spans[0].scope_spans[0].spans]

    def wait(self, spans: int) -> None:
        """Until so many have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.spans) >= spans, PATIENCE), len(self.spans)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(otlp, "PAUSE", 0.01)
    with receiving() as made:
        yield made


def trace(number: int = 0) -> StoredTrace:
    steps = (Step("generate", 0.0, 0.5, {"model": "qwen", "input_tokens": 3}),)
    return StoredTrace(f"{number:016x}", "ask", 1_800_000_000.0, 1.0, {"question": SECRET, "cost": 0.5}, steps)


def value(span: Any, name: str) -> Any:
    (found,) = [one.value for one in span.attributes if one.key == name]
    return getattr(found, found.WhichOneof("value"))


async def test_they_arrive_as_opentelemetry_has_them(receiver: Receiver):
    sink = OtlpTraces(receiver.url, headers={"authorization": "Bearer abc", "x-empty": ""}, service="mydocs")
    sink.take(trace(7), tenant="acme")
    receiver.wait(2)
    await sink.close()
    (request,) = receiver.requests
    resource = {one.key: one.value.string_value for one in request.resource_spans[0].resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("mydocs", ragstone.__version__)
    root, generate = receiver.spans
    assert root.trace_id.hex() == f"{7:032x}" == generate.trace_id.hex()
    assert (root.parent_span_id, generate.parent_span_id) == (b"", root.span_id)
    assert value(root, "ragstone.cost") == 0.5
    assert value(generate, "gen_ai.usage.input_tokens") == 3
    assert value(generate, "gen_ai.request.model") == "qwen"
    assert SECRET not in str(request)
    assert receiver.headers[0]["authorization"] == "Bearer abc"
    assert "x-empty" not in receiver.headers[0]


async def test_content_is_sent_where_the_file_says_so(receiver: Receiver):
    sink = OtlpTraces(receiver.url, content=True)
    sink.take(trace(), tenant="acme")
    receiver.wait(2)
    await sink.close()
    assert SECRET in str(receiver.requests[0])


async def test_many_go_together_and_what_waits_at_the_end_is_sent(receiver: Receiver):
    sink = OtlpTraces(receiver.url)
    for number in range(250):
        sink.take(trace(number), tenant="acme")
    await sink.close()
    assert len(receiver.spans) == 500
    assert len(receiver.requests) < 20


async def test_a_receiver_that_is_busy_is_asked_again(receiver: Receiver):
    receiver.statuses = [503, 429]
    sink = OtlpTraces(receiver.url)
    sink.take(trace(), tenant="acme")
    receiver.wait(2)
    await sink.close()
    assert len(receiver.headers) == 3


@pytest.mark.parametrize("status", [401, 404, 400])
async def test_one_that_refuses_is_not_and_that_is_said_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, status: int
):
    receiver.statuses = [status] * 3
    sink = OtlpTraces(receiver.url)
    for number in range(3):
        sink.take(trace(number), tenant="acme")
        end = time.monotonic() + PATIENCE
        while len(receiver.headers) <= number:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
    await sink.close()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == [f"1 traces were not sent: the receiver does not take them (status {status})."]


async def test_one_that_is_away_costs_traces_and_no_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(otlp, "PAUSE", 0.01)
    monkeypatch.setattr(otlp, "WAITING", 5)
    sink = OtlpTraces("http://127.0.0.1:9/v1/traces")
    for number in range(1_000):
        sink.take(trace(number), tenant="acme")
    await sink.close()
    await sink.close()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "were not sent" in told[0]


def test_without_an_address_nothing_is_sent():
    with pytest.raises(NotConfigured):
        OtlpTraces("")
    with pytest.raises(ConfigError, match="http"):
        OtlpTraces("127.0.0.1:4318")


# ── In a project ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    return tmp_path


def test_what_a_project_does_is_sent_from_ingestion_to_verdict(project: Path, receiver: Receiver):
    connector = f"kind: traces\ntype: otlp\nurl: {receiver.url}\n"
    (project / "connectors" / "otlp.yaml").write_text(connector)
    with ragstone.open(project) as rag:
        run = rag.ingest()
        answer = rag.ask("When does the halibut project ship?")
    names = {span.name for span in receiver.spans}
    assert {
        "ingest",
        "ingest.write",
        "ask",
        "retrieve",
        "prompt",
        "generate",
        "check.citations",
    } <= names
    (root,) = [span for span in receiver.spans if span.name == "ask"]
    assert root.trace_id.hex().endswith(answer.trace_id)
    assert value(root, "ragstone.outcome") == "answered"
    (ingested,) = [span for span in receiver.spans if span.name == "ingest"]
    (sources,) = [span for span in receiver.spans if span.name == "sources"]
    assert ingested.trace_id.hex().endswith(run.trace_id)
    assert [(link.trace_id, link.span_id) for link in sources.links] == [(ingested.trace_id, ingested.span_id)]
    assert "halibut" not in str(receiver.requests).casefold()


def test_one_question_of_a_process_that_ends_at_once_is_sent(project: Path, receiver: Receiver):
    with ragstone.open(project) as rag:
        rag.ingest()
    (project / "connectors" / "otlp.yaml").write_text(f"kind: traces\ntype: otlp\nurl: {receiver.url}\n")
    with ragstone.open(project) as rag:
        rag.ask("When does the halibut project ship?")
    assert "ask" in {span.name for span in receiver.spans}


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9/v1/traces"])
def test_answers_come_all_the_same_without_a_receiver(project: Path, monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setattr(otlp, "PAUSE", 0.01)
    monkeypatch.setenv("RAGSTONE_OTLP_URL", url)
    (project / "connectors" / "otlp.yaml").write_text("kind: traces\ntype: otlp\nurl: ${env:RAGSTONE_OTLP_URL:}\n")
    with ragstone.open(project) as rag:
        rag.ingest()
        assert "3 May 2031" in rag.ask("When does the halibut project ship?").text
        assert len(rag.traces(principals=None)) == 2


def test_as_many_traces_are_kept_as_the_project_says(project: Path):
    table = project / "pyproject.toml"
    table.write_text(table.read_text().replace("[tool.ragstone]", "[tool.ragstone]\ntraces = 3"))
    with ragstone.open(project) as rag:
        rag.ingest()
        for number in range(6):
            rag.search(f"halibut {number}")
        kept = [trace.facts.get("question") for trace in rag.traces(limit=100, principals=None)]
    assert kept == ["halibut 5", "halibut 4", "halibut 3"]
