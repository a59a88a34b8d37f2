"""The five things, in the order in which they are shown."""

from __future__ import annotations

from guard.thing import Thing
from guard.things import cache, imports, ingest, overhead, render

__all__ = ["THINGS"]

THINGS: dict[str, Thing] = {
    thing.name: thing for thing in (imports.THING, ingest.THING, cache.THING, overhead.THING, render.THING)
}
