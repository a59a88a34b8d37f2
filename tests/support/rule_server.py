"""A server that speaks Chat Completions over loopback, and says what a function makes of the messages.

It counts words as tokens.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Messages", "RuleServer", "serving_rule"]

Messages = list[dict[str, str]]


@dataclass
class RuleServer:
    """Where it is, and what it was asked so far."""

    url: str = ""
    asked: list[Messages] = field(default_factory=list[Messages])


@contextmanager
def serving_rule(rule: Callable[[Messages], str]) -> Iterator[RuleServer]:
    """Starts a server and ends it. What the rule raises is an error of the request, status 400."""
    known = RuleServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known.asked.append(body["messages"])
            try:
                said = rule(body["messages"])
            except ValueError as error:
                self._reply(400, json.dumps({"error": {"message": str(error), "type": "error"}}), "application/json")
                return
            delta = {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": "stop"}]}
            read = sum(len(message["content"].split()) for message in body["messages"])
            usage = {"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": len(said.split())}}
            events = "".join(f"data: {json.dumps(event)}\n\n" for event in (delta, usage))
            self._reply(200, f"{events}data: [DONE]\n\n", "text/event-stream")

        def _reply(self, status: int, text: str, kind: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    known.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield known
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
