"""One collection: made when it is first written, and what is done with it. All of it blocks, and runs in threads."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from ragstone.connectors.qdrant.faults import is_no_collection
from ragstone.connectors.qdrant.places import Place
from ragstone.connectors.qdrant.where import INDEXED, Where, received, sent
from ragstone.errors import RagstoneError
from ragstone.types import Context, Scored

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

__all__ = ["BATCH", "Collection", "point_id"]

T = TypeVar("T")

BATCH = 256  # points in one write: 16 MB at 3,072 dimensions, and a server takes 32
PAGE = 10_000  # ids read at once
MOST = 10_000  # a larger k is first compared with how many there are, since a server makes room for all of it
PAUSES = (0.2, 0.5, 1.0)  # seconds before the next try at a server that did not answer

_SPACE = uuid.UUID("7c2f6a54-4a0e-5a3c-9b1d-0d6d5c7f2b11")  # any other would give every chunk another point


def point_id(chunk_id: str) -> str:
    """The point of a chunk: Qdrant takes UUIDs alone. The same id always gives the same one."""
    return str(uuid.uuid5(_SPACE, sent(chunk_id)))


class Collection:
    """Points under one name, each with a vector and with what filters look at."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        self._ready = False  # whether the collection was seen with all of its indexes

    def load(self) -> None:
        """Imports the vendor's package and opens the place."""
        self.do(lambda client: client.collection_exists(self.name))

    def close(self) -> None:
        """Gives the place back."""
        self._ready = False
        self.place.close()

    def drop(self) -> None:
        """Removes it, whatever state it is in."""
        self._ready = False
        self._tried(lambda: self.place.drop(self.name), None)

    def make(self, settings: Callable[[], dict[str, Any]], *, context: Context) -> None:
        """Makes sure that it is there. `settings` gives its vectors, as `create_collection` takes them."""
        if self._ready and self.place.shared:
            return
        self.do(lambda client: self._make(client, settings), context=context)
        self._ready = True

    def upsert(self, points: Sequence[Any], settings: Callable[[], dict[str, Any]], *, context: Context) -> None:
        """Writes or replaces; on return they are on disk and can be found."""
        for at in range(0, len(points), BATCH):
            write = partial(self._upsert, list(points[at : at + BATCH]))
            if not self.asked(write, context=context):  # somebody has dropped it since it was made
                self.make(settings, context=context)
                self.do(write, context=context)

    def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error, nor is a collection that is not there."""
        for at in range(0, len(ids), PAGE):
            points = [point_id(one) for one in ids[at : at + PAGE]]
            self.asked(partial(self._delete, points), context=context)

    def nearest(
        self, query: Any, using: str, k: int, where: Where | None, *, params: Any = None, context: Context
    ) -> list[Scored]:
        """The k best points for a query, best first; equal scores by id. `params` are for a server alone."""
        limit = min(k, max(self.count(context=context), 1)) if k > MOST else k
        wanted = models().Filter.model_validate(where) if where else None
        found = self.asked(
            lambda client: client.query_points(
                self.name,
                query=query,
                using=using,
                query_filter=wanted,
                limit=limit,
                search_params=params if self.place.shared else None,
                with_payload=["id"],
                timeout=_seconds(context),
            ),
            context=context,
        )
        scored = [Scored(_chunk_id(point), point.score) for point in found.points] if found else []
        return sorted(scored, key=lambda one: (-one.score, one.id))

    def count(self, *, context: Context) -> int:
        """How many points there are."""
        found = self.asked(lambda client: client.count(self.name, exact=True), context=context)
        return found.count if found else 0

    def ids(self, *, context: Context) -> list[str]:
        """The chunks' ids of all points."""
        found: list[str] = []
        page: Any = None
        while True:
            answer = self.asked(
                lambda client, page=page: client.scroll(
                    self.name, limit=PAGE, offset=page, with_payload=["id"], with_vectors=False
                ),
                context=context,
            )
            points, page = answer or ([], None)
            found += [_chunk_id(point) for point in points]
            if page is None:
                return found

    # ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def asked(self, ask: Callable[[QdrantClient], T], *, context: Context | None = None) -> T | None:
        """What `ask` makes of the collection; None where there is none."""

        def unless_missing(client: QdrantClient) -> T | None:
            try:
                return ask(client)
            except Exception as error:
                if is_no_collection(error):
                    self._ready = False
                    return None
                raise

        return self.do(unless_missing, context=context)

    def do(self, act: Callable[[QdrantClient], T], *, context: Context | None = None) -> T:
        """What `act` makes of the client, tried again where that may help. Raises our errors."""

        def once() -> T:
            with self.place.client() as client:
                return act(client)

        return self._tried(once, context)

    def _tried(self, act: Callable[[], T], context: Context | None) -> T:
        """Everything here may be done twice, so what a server did not answer is asked again, within the deadline."""
        for pause in (*PAUSES, None):
            try:
                return act()
            except RagstoneError:
                raise
            except Exception as error:
                ours = self.place.translated(error)
                if ours is None:
                    raise
                left = context.remaining() if context else None
                if not (ours.retryable and self.place.shared) or pause is None or (left is not None and left <= pause):
                    raise ours from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _upsert(self, points: list[Any], client: QdrantClient) -> bool:
        with self.place.durable(client, self.name):
            client.upsert(self.name, points, wait=True)
        return True

    def _delete(self, points: list[Any], client: QdrantClient) -> None:
        with self.place.durable(client, self.name):
            client.delete(self.name, points, wait=True)

    def _make(self, client: QdrantClient, settings: Callable[[], dict[str, Any]]) -> None:
        if not client.collection_exists(self.name):
            try:
                client.create_collection(self.name, **settings())
            except Exception:
                if not client.collection_exists(self.name):  # else somebody was faster
                    raise
        if self.place.shared:  # without a server there are no indexes
            there = client.get_collection(self.name).payload_schema
            for key in INDEXED:
                if key not in there:
                    client.create_payload_index(self.name, key, field_schema=models().PayloadSchemaType.KEYWORD)


def _seconds(context: Context) -> int | None:
    """What is left until the deadline; the vendor counts in whole seconds."""
    left = context.remaining()
    return None if left is None else max(1, math.ceil(left))


def _chunk_id(point: Any) -> str:
    return received(point.payload["id"])


def models() -> Any:
    """The vendor's types. Their import takes a second, nearly all of what a first call takes."""
    return import_module("qdrant_client.models")
