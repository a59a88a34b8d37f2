"""A server that reranks over loopback, by the share of the question's words in a text, in either of the two forms.

>>> with serving("documents") as server:
...     server.url
'http://127.0.0.1:40123/v1'
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

MISSING = "Failed to deserialize the JSON body into the target type: missing field `texts` at line 1 column 80"
LONGEST = 50_000  # characters; a text beyond is cut


class Server:
    """Where the requests arrive. `texts` is what it calls the texts, `requests` are the bodies in order.

    `score` may be another than the share of words.
    """

    def __init__(self, http: ThreadingHTTPServer, form: Literal["documents", "texts"]) -> None:
        self.url = f"http://127.0.0.1:{http.server_port}/v1"
        self.form: Literal["documents", "texts"] = form
        self.score: Callable[[str, str], float] = _score
        self.requests: list[dict[str, Any]] = []

    def reply(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body."""
        self.requests.append(body)
        if self.form == "texts" and "texts" not in body:
            return 422, MISSING
        scored = [(self.score(body["query"], text[:LONGEST]), at) for at, text in enumerate(body[self.form])]
        ranked = sorted(scored, key=lambda pair: (-pair[0], pair[1]))  # best first, as such servers do
        if self.form == "texts":
            return 200, [{"index": at, "score": score} for score, at in ranked]
        results = [{"index": at, "relevance_score": score} for score, at in ranked[: body["top_n"]]]
        return 200, {"id": "r", "model": body.get("model", "m"), "results": results, "usage": {"total_tokens": 1}}


def _score(query: str, text: str) -> float:
    words, found = set(query.casefold().rstrip("?").split()), set(text.casefold().rstrip(".").split())
    return round(len(words & found) / max(len(words), 1) + 0.001 / (1 + len(text)), 6)


@contextmanager
def serving(form: Literal["documents", "texts"] = "documents") -> Iterator[Server]:
    """Starts a server and ends it, with every thread that it began."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = False
    server = http.reranking = Server(http, form)  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Server = self.server.reranking  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, reply = server.reply(body) if self.path == "/v1/rerank" else (404, {"detail": "Not Found"})
        data = (reply if isinstance(reply, str) else json.dumps(reply)).encode()
        try:
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            return  # a call that was given up hangs up

    def log_message(self, *args: Any) -> None:
        """Tests print nothing."""
