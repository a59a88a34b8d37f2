"""Lists what a source holds now, reading none of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ragstone.errors import SourceEmpty, SourceError
from ragstone.labels import KEY, labelled
from ragstone.protocols import Source, Versions
from ragstone.types import Context, Item

__all__ = ["Listing", "load"]


@dataclass(frozen=True, slots=True)
class Listing:
    """What could be listed, and the error that hid the rest: then nothing that is missing here counts as removed.

    `presuming` are the uris of those that say themselves how far they are trusted, which does not count.
    """

    items: tuple[Item, ...]
    error: SourceError | None = None
    presuming: tuple[str, ...] = ()


async def load(source: Source, *, known: Versions, allow_empty: bool, context: Context) -> Listing:
    """Every item of a source, once, in the order of its listing, labelled with the source's trust.

    Raises SourceUnavailable when nothing can be reached, and SourceEmpty when nothing is listed although documents
    of `known` versions came from there before: an unmounted disk must not empty the index.
    """
    found: dict[str, Item] = {}
    problem: SourceError | None = None
    with context.trace.step("ingest.load", source=source.name) as step:
        try:
            async for item in source.items(context=context, known=known):
                found.setdefault(item.uri, item)
        except SourceError as error:
            if not found:
                raise
            problem = error
        step.facts["items"] = len(found)
    if known and not found and not allow_empty:
        raise SourceEmpty(
            f"is empty, and held {len(known)} document{'s' if len(known) > 1 else ''} before; nothing was removed",
            where=f"source {source.name!r}",
            hint="Is a disk not mounted? If it is meant, run: ragstone ingest --allow-empty",
        )
    presuming = tuple(item.uri for item in found.values() if item.metadata.get(KEY, source.trust) != source.trust)
    items = tuple(replace(item, metadata=labelled(item.metadata, source.trust)) for item in found.values())
    return Listing(items, problem, presuming)
