"""Ingestions that are asked for now and done later, also by another process: `rag.ingestions()`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from ragstone.assembly import Assembly
from ragstone.errors import IndexBusy, RagstoneError
from ragstone.reports import IngestReport, Progress
from ragstone.state.jobs import Job, Wanted

__all__ = ["AsyncIngestions"]

TOLD = 1.0  # seconds between two notes of how far it has come


class AsyncIngestions:
    """What was asked to be ingested. A promise: what is written down is done, also when this process dies.

    async with ragstone.aopen("mydocs") as rag:
        job = await rag.ingestions().ask(only=["documents/report.pdf"])
        await rag.ingestions().work()
    """

    def __init__(self, parts: Assembly, ingest: Callable[..., Awaitable[IngestReport]]) -> None:
        self._jobs, self._ingest = parts.jobs, ingest

    async def ask(
        self,
        *,
        only: Sequence[str] = (),
        rebuild: bool = False,
        tenant: str = "default",
        pipeline: str = "ingest",
    ) -> Job:
        """Writes it down, and gives it; one that waits already and wants the same is given in its place.

        Raises UsageError for a rebuild of some paths alone, IndexBusy where too many wait.
        """
        wanted = Wanted(pipeline=pipeline, only=tuple(only), rebuild=rebuild)
        return await asyncio.to_thread(self._jobs.ask, wanted, tenant=tenant)

    async def all(self, *, limit: int = 20, tenant: str | None = None) -> list[Job]:
        """The last ones, the newest first: of one tenant, or of all."""
        return await asyncio.to_thread(self._jobs.all, limit, tenant=tenant)

    async def show(self, job_id: str) -> Job | None:
        """One of them."""
        return await asyncio.to_thread(self._jobs.show, job_id)

    async def work(self) -> Job | None:
        """Does the next one, and gives it as it has ended. None where nothing waits, or somebody else ingests now.

        One that a process has begun and not ended is done again: that is harmless.
        """
        job = await asyncio.to_thread(self._jobs.next)
        if job is None:
            return None
        told = 0.0

        def progress(seen: Progress) -> None:
            nonlocal told
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                self._jobs.tell(job, asdict(seen))

        await asyncio.to_thread(self._jobs.begin, job)
        try:
            report = await self._ingest(
                only=job.wanted.only,
                rebuild=job.wanted.rebuild,
                pipeline=job.wanted.pipeline,
                tenant=job.tenant,
                wait=False,
                progress=progress,
            )
        except IndexBusy:
            if job.state == "waiting":  # else another process is at this very one
                await asyncio.to_thread(self._jobs.wait, job)
            return None
        except RagstoneError as error:
            await asyncio.to_thread(self._jobs.end, job, error=_told(error))
        else:
            await asyncio.to_thread(self._jobs.end, job, report=report.as_dict())
        return await asyncio.to_thread(self._jobs.show, job.id)


def _told(error: RagstoneError) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error), "hint": error.hint}
