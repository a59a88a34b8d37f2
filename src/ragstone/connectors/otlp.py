"""Traces for whoever takes OpenTelemetry's protocol over HTTP: Tempo, Jaeger, MLflow, Phoenix, Langfuse, Weave.

    kind: traces
    type: otlp
    url: ${env:RAGSTONE_OTLP_URL:}      # http://127.0.0.1:4318/v1/traces; empty: nothing is sent
    headers: {authorization: "${env:RAGSTONE_OTLP_AUTHORIZATION:}"}
    content: false                      # whether questions, passages and answers are sent too

Nothing is sent that is not asked for here. A receiver that is away, or slow, costs traces and never an answer: they
wait in a queue of bounded length, and what does not fit is dropped with a warning.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import queue
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ragstone.errors import ConfigError, NotConfigured
from ragstone.protocols import TraceSink
from ragstone.trace import StoredTrace
from ragstone.tracing import genai
from ragstone.tracing.spans import Span, spans_of, trace_id_of

if TYPE_CHECKING:
    import httpx

__all__ = ["OtlpTraces"]

WAITING = 2_000  # traces
TOGETHER = 100  # traces of one request
MOMENT = 0.5  # seconds that a trace waits for others
TRIES = 3
PAUSE = 1.0  # seconds before the second try; twice that before the third
LAST = 5.0  # seconds for what still waits at the end
QUIET = 60.0  # seconds between two warnings
BUSY = {429, 502, 503, 504}

log = logging.getLogger("ragstone")


class OtlpTraces(TraceSink):
    """Sends spans as protobuf, compressed, from a thread of its own. `timeout` is in seconds, for one request."""

    def __init__(
        self,
        url: str,
        *,
        headers: dict[str, str] = {},  # noqa: B006 - only read
        content: bool = False,
        service: str = "ragstone",
        timeout: float = 10.0,
    ) -> None:
        if not url:
            raise NotConfigured("no url is set", hint="Name the receiver: http://127.0.0.1:4318/v1/traces")
        if not url.startswith(("http://", "https://")):
            raise ConfigError("url is no address", expected="http://… or https://…", found=url[:80])
        self._url, self._content, self._service, self._timeout = url, content, service, timeout
        self._headers = {name: value for name, value in headers.items() if value}
        self._waiting: queue.Queue[tuple[StoredTrace, str] | None] = queue.Queue(WAITING)
        self._begun = threading.Lock()
        self._sender: threading.Thread | None = None
        self._ended = threading.Event()
        self._dropped, self._warned = 0, float("-inf")

    def take(self, trace: StoredTrace, *, tenant: str) -> None:
        """See TraceSink."""
        with self._begun:
            if self._sender is None and not self._ended.is_set():
                self._sender = threading.Thread(target=self._run, name="otlp", daemon=True)
                self._sender.start()
        try:
            self._waiting.put_nowait((trace, tenant))
        except queue.Full:
            self._drop(1, "they come faster than the receiver takes them")

    async def close(self) -> None:
        """Sends what still waits, for a few seconds at most."""
        with self._begun:
            sender, self._sender = self._sender, None
            self._ended.set()
        if sender is not None:
            await asyncio.to_thread(sender.join, LAST)
            if sender.is_alive():
                self._drop(self._waiting.qsize() + 1, "the receiver is too slow to have them before the end")

    def _run(self) -> None:
        import httpx

        with httpx.Client(timeout=self._timeout) as client:
            while not (self._ended.is_set() and self._waiting.empty()):
                if traces := self._next():
                    self._send(client, traces)

    def _next(self) -> list[tuple[StoredTrace, str]]:
        found: list[tuple[StoredTrace, str]] = []
        limit = time.monotonic() + MOMENT
        while len(found) < TOGETHER and (left := limit - time.monotonic()) > 0:
            try:
                one = self._waiting.get(timeout=0.01 if self._ended.is_set() else left)
            except queue.Empty:
                break
            if one is not None:
                found.append(one)
        return found

    def _send(self, client: httpx.Client, traces: list[tuple[StoredTrace, str]]) -> None:
        import httpx

        body = gzip.compress(self._written(traces))
        sent = {"content-type": "application/x-protobuf", "content-encoding": "gzip", **self._headers}
        why = ""
        for number in range(TRIES):
            try:
                reply = client.post(self._url, content=body, headers=sent)
            except httpx.HTTPError as error:
                why = type(error).__name__
            else:
                if reply.is_success:
                    return
                why = f"status {reply.status_code}"
                if reply.status_code not in BUSY:
                    break
            if number + 1 < TRIES and self._ended.wait(PAUSE * 2**number):
                break
        self._drop(len(traces), f"the receiver does not take them ({why})")

    def _drop(self, number: int, why: str) -> None:
        self._dropped += number
        if time.monotonic() - self._warned > QUIET:
            self._warned = time.monotonic()
            log.warning("%d traces were not sent: %s.", self._dropped, why)
            self._dropped = 0

    def _written(self, traces: list[tuple[StoredTrace, str]]) -> bytes:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        ours = version("ragstone")

        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        for name, value in (("service.name", self._service), ("service.version", ours)):
            resource.resource.attributes.add(key=name).value.string_value = value
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "ragstone", ours
        for trace, tenant in traces:
            for span in spans_of(trace, tenant=tenant, content=self._content):
                _write(scope.spans.add(), span, trace_id_of(trace))
        return request.SerializeToString()


def _write(made: Any, span: Span, trace_id: bytes) -> None:
    made.trace_id, made.span_id, made.parent_span_id = trace_id, span.id, span.parent
    made.name, made.start_time_unix_nano, made.end_time_unix_nano = span.name, span.begun, span.ended
    made.kind = 3 if span.attributes.get(genai.OPERATION) in (genai.CHAT, genai.EMBEDDINGS) else 1  # client, internal
    for name, value in span.attributes.items():
        kept = made.attributes.add(key=name).value
        if isinstance(value, bool):
            kept.bool_value = value
        elif isinstance(value, int):
            kept.int_value = value
        elif isinstance(value, float):
            kept.double_value = value
        else:
            kept.string_value = value
    for trace, root in span.links:
        made.links.add(trace_id=trace, span_id=root)
    if span.error:
        made.status.code, made.status.message = 2, span.error
        made.attributes.add(key=genai.ERROR).value.string_value = span.error.partition(":")[0]
