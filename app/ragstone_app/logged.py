"""The log of the service: a line for each request, with nothing in it of what was asked, answered or sent as a key.

A request has an id: the one that its `x-request-id` gives, or a new one. It stands in the log and in the response, so
that a proxy's log, this one and a person's report can be laid side by side. This is plain ASGI, and stands outermost.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Collection
from typing import Literal, TypeAlias

from ragstone_app.access import CALLER
from ragstone_app.asgi import App, Event, Receive, Send
from ragstone_app.metered import NO_STATUS, route_of

__all__ = ["LogForm", "Logged", "write_as"]

LogForm: TypeAlias = Literal["quiet", "text", "json"]
"""`quiet` tells what is amiss, the others each request too."""

LOGGERS = ("ragstone", "ragstone_app", "uvicorn")
HEADER = b"x-request-id"
_ID = re.compile(rb"[A-Za-z0-9_.:-]{8,128}")
log = logging.getLogger(__name__)


class Logged:
    """Notes each request when it has ended. `paths` are those of the routes."""

    def __init__(self, app: App, *, paths: Collection[str]) -> None:
        self._app, self._paths = app, paths

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name, status, begun = _named(scope["headers"]), NO_STATUS, time.perf_counter()

        async def noted(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = str(event["status"])
                event = {**event, "headers": [*event.get("headers", ()), (HEADER, name.encode())]}
            await send(event)

        failed = ""
        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            failed = type(error).__name__
            raise
        finally:
            facts = {
                "request": name,
                "method": scope["method"] if scope["method"].isalpha() else "other",
                "route": route_of(scope, self._paths),
                "status": status,
                "seconds": round(time.perf_counter() - begun, 4),
                "key": _key(scope),
            }
            facts |= {"failed": failed} if failed else {}
            log.info("%(method)s %(route)s %(status)s in %(seconds)s s", facts, extra={"facts": facts})


def _named(headers: Collection[tuple[bytes, bytes]]) -> str:
    given = [value for name, value in headers if name == HEADER]
    if len(given) == 1 and _ID.fullmatch(given[0]):
        return given[0].decode()
    return secrets.token_hex(8)


def _key(scope: Event) -> str:
    """The id of the key, which is no secret; "" for a caller without one."""
    caller = scope.get(CALLER)
    return "" if caller is None or caller.key is None else caller.key.id


# ── How it is written ───────────────────────────────────────────────────────────────────────────────────────────────


class _Text(logging.Formatter):
    """For a person; `quiet` tells no time, since what is amiss is read as it comes."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__("%(message)s" if quiet else "%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the id of the request and that of the key behind it."""
        facts = getattr(record, "facts", {})
        beside = " ".join(f"{name}={facts[name]}" for name in ("request", "key") if facts.get(name))
        return " ".join(part for part in (super().format(record), beside) if part)

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        """Where it was raised, and not what it says: that may hold words of a question."""
        return _where(ei)


class _Json(logging.Formatter):
    """For a program: an object on each line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time in seconds from the epoch, level, the logger's name, the message, and the facts of a request."""
        facts = getattr(record, "facts", None)
        said = {"time": round(record.created, 3), "level": record.levelname.lower(), "logger": record.name}
        said |= facts if facts is not None else {"message": record.getMessage()}
        if record.exc_info:
            said["raised"] = _where(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def _where(found: object) -> str:
    kind, _, trace = found if isinstance(found, tuple) else (None, None, None)
    places: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_qualname if hasattr(code, 'co_qualname') else code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{getattr(kind, '__name__', 'an error')} in {' > '.join(places)}"


def write_as(form: LogForm) -> None:
    """Has the service's own loggers and the server's write so, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text(quiet=form == "quiet"))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    log.setLevel(logging.WARNING if form == "quiet" else logging.INFO)
