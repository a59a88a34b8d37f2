"""What the doors before the routes say to whom they do not let in, in the shape that the errors of the route have."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ragstone.errors import RagstoneError, UsageError
from ragstone_app.asgi import NONE, Event, Send, reply
from ragstone_app.openai.errors import ChatError
from ragstone_app.wording import again, told, worded

__all__ = ["no_route", "refuse"]

OF_OPENAI = "/v1/"


async def refuse(
    scope: Event, send: Send, error: RagstoneError, *, status: int, code: str, headers: Mapping[str, str] = NONE
) -> None:
    """Ends a request before its route is asked; `code` is what OpenAI's clients know the error by."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
        return
    soon = again(error, status)
    if scope["path"].startswith(OF_OPENAI):
        said = f"{worded(error)}. {error.hint}" if error.hint else worded(error)
        shaped = ChatError(status, code, said, again=bool(soon))
        await reply(send, shaped.body, status, {**shaped.headers, **soon, **headers})
    else:
        await reply(send, told(error), status, {**soon, **headers})


async def no_route(request: Request, error: Exception) -> JSONResponse:
    """What no route takes: an unknown path, a method that it has not, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    says = {404: "there is no such route", 405: "the route has no such method"}.get(error.status_code, error.detail)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == 405:  # the first route of a path does not know what the others take
        path = getattr(request.scope.get("route"), "path", "").replace(":path}", "}")
        documented = request.app.openapi()["paths"].get(path, {})
        headers["allow"] = ", ".join(sorted(method.upper() for method in documented))
    refused = UsageError(says, hint="GET /openapi.json lists all routes.")
    if request.url.path.startswith(OF_OPENAI):
        body = ChatError(error.status_code, "invalid_request", f"{says}. {refused.hint}").body
    else:
        body = told(refused)
    return JSONResponse(body, status_code=error.status_code, headers=headers)
