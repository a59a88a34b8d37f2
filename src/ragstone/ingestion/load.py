"""Lists what a source holds now, reading none of it."""

from __future__ import annotations

from ragstone.errors import SourceEmpty
from ragstone.protocols import Source
from ragstone.types import Context, Item

__all__ = ["load"]


async def load(source: Source, *, known: int, allow_empty: bool, context: Context) -> list[Item]:
    """Every item of a source, once, in the order of its listing.

    Raises SourceUnavailable when the place cannot be reached, and SourceEmpty when it lists nothing although `known`
    documents came from it before: an unmounted disk must not empty the index.
    """
    with context.trace.step("ingest.load", source=source.name) as step:
        found: dict[str, Item] = {}
        async for item in source.items(context=context):
            found.setdefault(item.uri, item)
        step.facts["items"] = len(found)
    if known and not found and not allow_empty:
        raise SourceEmpty(
            f"is empty, and held {known} document{'s' if known > 1 else ''} before; nothing was removed",
            where=f"source {source.name!r}",
            hint="Is a disk not mounted? If it is meant, run: ragstone ingest --allow-empty",
        )
    return list(found.values())
