"""Entries for a lexical index, and short ways to fill and ask one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragstone.connectors.tantivy import TantivyIndex
from ragstone.types import Chunk, Context, Entry, Filter

CONTEXT = Context()


def entry(
    name: str, terms: str = "", *, acl: Sequence[str] = ("public",), metadata: Mapping[str, Any] | None = None
) -> Entry:
    chunk = Chunk(
        id=name,
        document_id="document",
        uri="uri",
        title="",
        text="",
        start=0,
        end=0,
        line=1,
        acl=tuple(acl),
        metadata=metadata or {},
    )
    return Entry(chunk, terms.split())


async def filled(*entries: Entry, path: Path | None = None) -> TantivyIndex:
    index = TantivyIndex(path)
    await index.upsert(entries, context=CONTEXT)
    return index


async def found(index: TantivyIndex, terms: str, *, k: int = 10, where: Filter | None = None) -> list[str]:
    return [scored.id for scored in await index.search(terms.split(), k=k, where=where, context=CONTEXT)]


FRUIT = (entry("a", "apple pear"), entry("b", "apple apple plum fig"), entry("c", "melon"))
