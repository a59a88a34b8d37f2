"""The models that OpenAI's clients can name: a pipeline by what it does.

| name | what it is |
|---|---|
| `ragstone/answer` | `pipelines/answer.yaml`: passages are found, its prompt file is filled in, its checks are asked |
| `route/answer` | the models of that file's route alone: messages go to them as they are |
| `embed/ingest` | the embedder of `pipelines/ingest.yaml` |
"""

from __future__ import annotations

import time
from typing import Any

from ragstone import AsyncRag
from ragstone.errors import nearest
from ragstone_app.openai.errors import ChatError

__all__ = ["ANSWER", "EMBED", "ROUTE", "Names"]

KEPT = 1.0  # seconds: as often as the project's files are looked at
ANSWER, ROUTE, EMBED = "ragstone/", "route/", "embed/"


class Names:
    """What may be asked for, by the pipelines that there are now."""

    def __init__(self, rag: AsyncRag) -> None:
        self._rag = rag
        self._known, self._until = list[str](), 0.0

    async def all(self) -> list[str]:
        """Every name, those that answer from documents first."""
        if time.monotonic() > self._until:
            routes, indexes = await self._rag.routes(), await self._rag.indexes()
            kinds = ((ANSWER, routes), (ROUTE, routes), (EMBED, indexes))
            self._known = [f"{kind}{name}" for kind, names in kinds for name in names]
            self._until = time.monotonic() + KEPT
        return self._known

    async def listed(self) -> dict[str, Any]:
        """What `GET /v1/models` says."""
        return {"object": "list", "data": [_entry(name) for name in await self.all()]}

    async def shown(self, name: str) -> dict[str, Any]:
        """What `GET /v1/models/NAME` says. Raises ChatError for one that there is not."""
        return _entry((await self.demand(name))[2])

    async def demand(self, name: str, *kinds: str) -> tuple[str, str, str]:
        """The kind of a model, its pipeline, and the name. Raises ChatError where there is none, or of another kind."""
        known = [one for one in await self.all() if not kinds or one.startswith(kinds)]
        if name not in known:
            hint = nearest(name, known) or f"There are: {', '.join(known)}."
            raise ChatError(404, "model_not_found", f"there is no model {name[:80]!r} here. {hint}", "model")
        kind, _, pipeline = name.partition("/")
        return f"{kind}/", pipeline, name


def _entry(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "ragstone"}
