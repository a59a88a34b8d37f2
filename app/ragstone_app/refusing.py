"""What the doors before the routes say to whom they do not let in, in the shape that the errors of the route have."""

from __future__ import annotations

from collections.abc import Mapping

from ragstone.errors import RagstoneError
from ragstone_app.asgi import NONE, Event, Send, reply
from ragstone_app.openai.errors import ChatError
from ragstone_app.wording import again, told, worded

__all__ = ["refuse"]

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
