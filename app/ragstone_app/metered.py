"""Counts requests as they pass: how many, how long, how they ended. `Metered` is plain ASGI, and stands outermost."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from ragstone_app.asgi import App, Event, Receive, Send
from ragstone_app.exposition import Family

__all__ = ["NO_STATUS", "Metered", "Requests", "route_of"]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NO_ROUTE, NO_STATUS = "none", "none"
"""Of a path that is no route's, and of a client that has gone before its response began."""


class Requests:
    """What was counted since the process began. Labels are bounded: routes by template, methods by name."""

    def __init__(self) -> None:
        self.under_way = 0
        self._ended = Counter[tuple[str, str, str]]()
        self._within: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self._seconds = defaultdict[str, float](float)

    def note(self, route: str, method: str, status: str, seconds: float) -> None:
        """A request has ended."""
        self._ended[route, method, status] += 1
        self._within[route][bisect_left(BOUNDS, seconds)] += 1
        self._seconds[route] += seconds

    def families(self) -> Iterator[Family]:
        """All of it, as it is told."""
        ended = Family("ragstone_http_requests_total", "counter", "Requests that have ended.")
        for (route, method, status), number in sorted(self._ended.items()):
            ended.add(number, route=route, method=method, status=status)
        yield ended
        took = Family("ragstone_http_request_duration_seconds", "histogram", "Until the last byte was sent.")
        for route, within in sorted(self._within.items()):
            below = 0
            for bound, number in zip((*BOUNDS, float("inf")), within, strict=True):
                below += number
                took.add(below, "_bucket", route=route, le="+Inf" if bound == float("inf") else f"{bound:g}")
            took.add(self._seconds[route], "_sum", route=route)
            took.add(below, "_count", route=route)
        yield took
        yield Family("ragstone_http_requests_in_flight", "gauge", "Requests under way.").add(self.under_way)


class Metered:
    """Counts each request. `paths` are those of the routes: what is refused at a door has come to no route yet."""

    def __init__(self, app: App, *, requests: Requests, paths: Collection[str]) -> None:
        self._app, self._requests, self._paths = app, requests, paths

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = NO_STATUS, time.perf_counter()

        async def noted(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = str(event["status"])
            await send(event)

        self._requests.under_way += 1
        try:
            await self._app(scope, receive, noted)
        except Exception:
            status = "500" if status == NO_STATUS else status
            raise
        finally:
            self._requests.under_way -= 1
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._requests.note(route_of(scope, self._paths), method, status, time.perf_counter() - begun)


def route_of(scope: Event, paths: Collection[str]) -> str:
    """The template of a request's route; `paths` are those of all, for a request that came to none."""
    found = getattr(scope.get("route"), "path", None)
    if found is None and scope["path"] in paths:
        found = scope["path"]
    return found or NO_ROUTE
