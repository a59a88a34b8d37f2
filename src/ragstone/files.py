"""The documents of an index, and the files that they come from: `rag.files()`."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable

from ragstone.assembly import Assembly
from ragstone.callers import principals_of
from ragstone.errors import ParseError, UnsupportedFile, UsageError, nearest
from ragstone.inbox import Inbox
from ragstone.ingestion.load import load
from ragstone.ingestion.read import parser_of
from ragstone.state.listing import DocumentsPage
from ragstone.types import Context

__all__ = ["AsyncFiles"]

MOST = 1_000  # documents of a page
EVERYBODY = "public"


class AsyncFiles:
    """What an index holds, as one may see it, and a door for new files.

    async with ragstone.aopen("mydocs") as rag:
        page = await rag.files().listed(principals=["group:staff"])
        uri = await rag.files().put("report.md", data)
    """

    def __init__(self, parts: Assembly, *, tenant: str, pipeline: str) -> None:
        self._parts, self._tenant, self._pipeline = parts, tenant, pipeline

    async def listed(
        self, *, principals: Iterable[str] | None = (), after: str = "", named: str = "", limit: int = 100
    ) -> DocumentsPage:
        """A page of the documents that the principals may see, by uri; None stands for the operator, who sees all.

        `after` is that of the page before, and `named` a part of the uri. Raises UsageError for a limit that is none.
        """
        if not 0 < limit <= MOST:
            raise UsageError("the page is of no size", where="limit", expected=f"1 to {MOST:,}", found=str(limit))
        who = None if principals is None else sorted({EVERYBODY, *principals_of(principals)})
        index = await asyncio.to_thread(self._parts.index, tenant=self._tenant, pipeline=self._pipeline)
        return await asyncio.to_thread(
            index.state.page,
            index.key,
            tenant=self._tenant,
            principals=who,
            after=after,
            named=named,
            limit=limit,
        )

    async def put(self, name: str, data: AsyncIterator[bytes], *, source: str = "") -> str:
        """Puts a file into the folder of a source, and gives its uri; ingest it then.

        `source` names the connector; without it the first one that takes files. The file appears when it is whole, and
        takes the place of one that is there. Raises UsageError for a name that cannot be, UnsupportedFile for a kind
        that no parser reads, SourceUnavailable where nothing can be written.
        """
        inbox = await asyncio.to_thread(self._inbox, source)
        uri = await asyncio.to_thread(inbox.uri, name)
        written = await asyncio.to_thread(inbox.room, name)
        try:
            with await asyncio.to_thread(written.open, "wb") as file:
                async for part in data:
                    await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(inbox.put, name, written, check=lambda found: _demand_readable(found, uri))
        finally:
            await asyncio.to_thread(written.unlink, missing_ok=True)
        return uri

    async def remove(self, name: str, *, source: str = "") -> str | None:
        """Removes a file from the folder of a source, and gives its uri; ingest it then. None where there is none."""
        inbox = await asyncio.to_thread(self._inbox, source)
        there = await asyncio.to_thread(inbox.remove, name)
        return inbox.uri(name) if there else None

    async def fingerprint(self) -> str:
        """Another one as soon as a file of the sources' folders was added, changed, removed or labelled otherwise.

        No file is read, and a source that is no folder of this machine is not asked. Raises SourceUnavailable where a
        folder is missing.
        """
        sources = await asyncio.to_thread(self._parts.sources, pipeline=self._pipeline)
        context, found = Context(tenant=self._tenant, patient=True), hashlib.sha256()
        for source in (one for one in sources if one.inbox is not None):
            listing = await load(source, known={}, allow_empty=True, context=context)
            items = sorted((item.uri, item.version, item.acl) for item in listing.items)
            found.update(json.dumps([source.name, items, str(listing.error)]).encode())
        return found.hexdigest()

    def _inbox(self, source: str) -> Inbox:
        taking = {one.name: one.inbox for one in self._parts.sources(pipeline=self._pipeline) if one.inbox is not None}
        if not taking:
            hint = "Name a source of the type `files` with a folder of this machine."
            raise UsageError("no source of the pipeline takes files", where=self._pipeline, hint=hint)
        if source and source not in taking:
            expected = "one of " + ", ".join(taking)
            raise UsageError(
                f"no source {source[:80]!r} takes files",
                where="source",
                expected=expected,
                hint=nearest(source, taking),
            )
        return taking[source] if source else next(iter(taking.values()))


def _demand_readable(data: bytes, uri: str) -> None:
    try:
        parser_of(data, uri)
    except ParseError as error:
        raise UnsupportedFile(error.message, where=uri, expected=error.expected) from error
