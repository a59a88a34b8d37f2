"""Has an edit of a document count without anyone's doing: `ragstone serve --watch`."""

from __future__ import annotations

import asyncio
import logging
import time

import ragstone
from ragstone.errors import IndexBusy, RagstoneError

__all__ = ["Watching"]

EVERY = 1.0  # seconds: an edit of a small folder counts within two
SHARE = 9  # a look at a large folder takes long, and nine tenths of the time are left to answers

log = logging.getLogger(__name__)


class Watching:
    """Looks at the folders of the pipeline `ingest`, and ingests when they hold something else than at the last time.

    What goes wrong is told once and tried again at each look. While another process ingests, nothing is done.
    """

    def __init__(self, rag: ragstone.AsyncRag) -> None:
        self._rag, self._files = rag, rag.files()
        self._ingested: str | None = None  # the folders as they were then
        self._told = frozenset[str]()

    async def run(self) -> None:
        """Until it is cancelled. An ingestion that is cut short so is completed by the next one."""
        while True:
            seconds = await self.look()
            await asyncio.sleep(max(EVERY, SHARE * seconds))

    async def look(self) -> float:
        """Once; gives how many seconds it took to see whether there is anything to do."""
        begun = time.monotonic()
        seconds = 0.0
        try:
            found = await self._files.fingerprint()
            seconds = time.monotonic() - begun
            if found != self._ingested:
                await self._ingest()
                self._ingested = found
        except IndexBusy:
            log.debug("Another process ingests.")
        except (RagstoneError, OSError) as error:
            self._tell({f"The documents could not be ingested: {error}"})
        return seconds

    async def _ingest(self) -> None:
        report = await self._rag.ingest(wait=False)
        self._tell({f"{failed.uri} {failed.reason}" for failed in report.failed})
        if report.added or report.changed or report.removed:
            log.warning(
                "Documents were edited: %d added, %d changed, %d removed.", report.added, report.changed, report.removed
            )

    def _tell(self, faults: set[str]) -> None:
        """What is amiss now. What was so at the last look is known already."""
        for fault in sorted(faults - self._told):
            log.warning("%s", fault)
        self._told = frozenset(faults)
