"""Has caches forget what rests on documents that have changed or gone, or that other people may see now.

No request finds such an entry by its key. Which documents these are stands in `project.db` from the moment of their
change until every cache has forgotten them: an ingestion that is killed, or a cache that is down, loses none of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ragstone.caching.freshness import PORTION, forget, said
from ragstone.pipelines.cache_places import Caches
from ragstone.protocols import Cache
from ragstone.state.sqlite import ProjectState
from ragstone.types import Context

__all__ = ["forget_stale"]

log = logging.getLogger("ragstone")


async def forget_stale(state: ProjectState, caches: Caches, *, tenant: str) -> None:
    """Has all caches forget what `project.db` says they should. What cannot be forgotten now is tried again next time.

    That is said in the log: whoever has just written an index is told of no failure.
    """
    waiting = await asyncio.to_thread(state.stale, tenant=tenant, most=PORTION)
    if not waiting:
        return
    context = Context(tenant=tenant)
    try:
        found = await asyncio.to_thread(caches.of_answers)
        while waiting:
            await _forgotten(found, waiting, context)
            await asyncio.to_thread(state.forget_stale, waiting, tenant=tenant)
            waiting = await asyncio.to_thread(state.stale, tenant=tenant, most=PORTION)
    except Exception as error:  # whatever a cache does wrong, no ingestion fails for it
        log.warning(
            "What rests on %s%d changed documents stays in the cache until the next ingestion: %s",
            "more than " if len(waiting) == PORTION else "",
            len(waiting),
            said(error),
        )


async def _forgotten(caches: Sequence[Cache], documents: Sequence[str], context: Context) -> None:
    tags = [f"document:{one}" for one in documents]
    for cache in caches:
        await forget(cache, tags, context=context)
