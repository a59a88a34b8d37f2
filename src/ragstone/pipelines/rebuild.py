"""Makes an index anew beside the old one, and swaps the two in one step while questions are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ragstone.errors import SourceUnavailable
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.reports import IngestReport, Progress
from ragstone.types import Context

__all__ = ["Rebuild"]


class Rebuild:
    """`live` is the edition that counts; `shadow` ingests into the one that takes its place; `past` counted before."""

    def __init__(self, live: Index, shadow: IngestPipeline, *, past: Index | None = None) -> None:
        self.live, self.shadow, self.past = live, shadow, past

    async def run(
        self,
        *,
        context: Context,
        allow_empty: bool = False,
        wait: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Fills the new edition and lets it count. One that was cut short is gone on with.

        A document that cannot be read is made of its last good version. Raises SourceUnavailable when a source could
        not be listed whole: then the old edition stays.
        """
        live, shadow = self.live, self.shadow

        def waiting(holder: str) -> None:
            if progress:
                progress(Progress(0, 0, 0, holder))

        async with live.writing(wait=wait, waiting=waiting):
            if self.past is not None:  # a rebuild that was killed after the swap has left it
                await _remove(self.past, context, heir=live)
            report = await shadow.run(context=context, allow_empty=allow_empty, progress=progress, last_good=live.key)
            unlisted = {source.name for source in shadow.sources} & {failure.uri for failure in report.failed}
            if unlisted:
                raise SourceUnavailable(
                    "could not be listed whole, so the old index stays",
                    where=f"source {min(unlisted)!r}",
                    hint="Run it again when the source can be reached.",
                )
            await asyncio.to_thread(live.state.publish, live.name, shadow.index.edition, tenant=live.tenant)
            await _remove(live, context, heir=shadow.index)
        return report


async def _remove(index: Index, context: Context, *, heir: Index) -> None:
    await asyncio.to_thread(index.state.discard, index.key, tenant=index.tenant, heir=heir.key)
    await asyncio.gather(index.store.drop(context=context), index.lexical.drop(context=context))
