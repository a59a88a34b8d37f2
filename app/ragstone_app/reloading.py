"""Has an edit of `connectors/` or `pipelines/` count without a new start."""

from __future__ import annotations

import asyncio
import logging

import ragstone
from ragstone.errors import RagstoneError

__all__ = ["Reloading"]

EVERY = 1.0  # seconds: an edit counts within two

log = logging.getLogger(__name__)


class Reloading:
    """Looks at the project's files once a second. Files that are wrong do not count, and `refused` says why."""

    def __init__(self, rag: ragstone.AsyncRag) -> None:
        self._rag = rag
        self.refused: RagstoneError | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Once. What is wrong is said once, too."""
        try:
            changed = await self._rag.refresh()
        except RagstoneError as error:
            if self.refused is None or str(self.refused) != str(error):
                log.warning("The files were edited, and are wrong; what was read before counts on. %s", error)
            self.refused = error
            return
        except OSError as error:
            log.warning("The project's files cannot be looked at: %s", error.strerror)
            return
        self.refused = None
        if changed:
            log.warning("The files were edited, and are read again.")
            await probed(self._rag)


async def probed(rag: ragstone.AsyncRag) -> None:
    """Finds out what the models' servers can do before the first question needs it. What is amiss is told then."""
    try:
        await rag.models().probe()
    except RagstoneError as error:
        log.debug("The models could not be probed: %s", error)
