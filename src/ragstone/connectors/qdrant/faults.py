"""Qdrant's errors made ours."""

from __future__ import annotations

import errno
import json
import sqlite3
from typing import Any

from ragstone.errors import IndexBusy, RagstoneError, StateError, StorageFull, StoreUnavailable

__all__ = ["is_no_collection", "of_folder", "of_server"]

_REPAIR = "Delete this folder and run `ragstone ingest` again."
_OF_FOLDER = (OSError, ValueError, RuntimeError, KeyError, sqlite3.Error)  # the vendor has no errors of its own there
_PASSING = {408, 429, 502, 503, 504}  # statuses after which the same request may succeed


def is_no_collection(error: Exception) -> bool:
    """Whether a server says that there is no such collection, or a client of a folder does."""
    if isinstance(error, ValueError):
        words = str(error)
        return words.startswith("Collection ") and words.endswith(" not found")
    return getattr(error, "status_code", None) == 404 and "Collection" in _said(error)


def of_server(error: Exception, label: str) -> RagstoneError | None:
    """What a server raised, or what kept us from it; None where it is no fault of theirs."""
    if not type(error).__module__.startswith("qdrant_client."):
        return None
    source = getattr(error, "source", None)
    if type(source).__module__.split(".")[0] in ("httpx", "httpcore"):
        return StoreUnavailable(
            f"the Qdrant server does not answer: {_line(source) or type(source).__name__}",
            where=label,
            hint="Start it, or correct `url` in the connector's file.",
        )
    if source is not None:
        return StateError("what answers is no Qdrant server", where=label, hint="Correct `url`.")
    status = getattr(error, "status_code", None)
    if status in _PASSING or type(error).__name__ == "ResourceExhaustedResponse":
        return StoreUnavailable(
            f"the Qdrant server is overloaded: {_said(error)}", where=label, hint="Try again later."
        )
    if status in (401, 403):
        return StateError(
            "the Qdrant server refused the key", where=label, hint="Set `api_key` in the connector's file."
        )
    if "No space left" in _said(error) or status == 507:
        return StorageFull("the Qdrant server's disk is full", where=label, hint="Free some space, and try again.")
    if status is not None and not _is_of_qdrant(error):
        return StateError(
            "what answers is no Qdrant server", where=label, found=f"HTTP {status}", hint="Correct `url`."
        )
    return StateError(f"the Qdrant server failed: {_said(error)}", where=label, hint="Look into its log.")


def of_folder(error: Exception, label: str) -> RagstoneError | None:
    """What Qdrant's client, SQLite or the system raised over a folder; None where it is no fault of theirs."""
    if isinstance(error, UnicodeError) or not isinstance(error, _OF_FOLDER):
        return None
    words = _line(error)
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "disk is full" in words:
        return StorageFull(
            "the disk is full; what was written before is intact", where=label, hint="Free some space, and try again."
        )
    if "already accessed by another instance" in words:
        return IndexBusy("another program has the index open", where=label, hint="Try again when it has ended.")
    return StateError(f"the index cannot be used: {words}", where=label, hint=_REPAIR)


def _said(error: Any) -> str:
    """The server's own words, where it has any."""
    try:
        return str(error.structured()["status"]["error"])[:300]
    except (AttributeError, KeyError, TypeError, ValueError):
        return _line(error)


def _is_of_qdrant(error: Any) -> bool:
    """Whether the answer has the form of Qdrant's: a JSON object with a status."""
    try:
        found = json.loads(error.content)
    except (AttributeError, TypeError, ValueError):
        return False
    return isinstance(found, dict) and "status" in found


def _line(error: Any) -> str:
    return (str(error).splitlines() or [""])[0][:200]
