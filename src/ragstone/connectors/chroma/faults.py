"""Chroma's errors made ours. Most say what happened in their words alone."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ragstone.errors import IndexBusy, RagstoneError, StateError, StorageFull, StoreUnavailable

__all__ = ["is_of_chroma", "translated"]

FULL = 1 << 20  # bytes; a disk with less than this is full, whatever Chroma calls it

_REPAIR = "Delete this folder and run `ragstone ingest` again."


def is_of_chroma(error: BaseException) -> bool:
    """Whether Chroma itself raised it. Its panics are no Exception."""
    return type(error).__module__.startswith("chromadb.") or type(error).__name__ == "PanicException"


@contextmanager
def translated(label: str, folder: Path | None, *, server: bool) -> Generator[None]:
    """Raises a StateError for what Chroma, its server, SQLite or the system raised; lets the rest pass."""
    try:
        yield
    except RagstoneError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_of_chroma(error):
            raise
        ours = _of_server(error, label) if server else _of_folder(error, label, folder)
        if ours is None:
            raise
        raise ours from error


def _of_server(error: BaseException, label: str) -> StateError | None:
    # Where the connection fails or no Chroma answers, its client raises httpx's errors, ValueError or Exception itself.
    if _from(error, "httpx") or _from(error.__context__, "httpx"):
        return StoreUnavailable(
            "the Chroma server does not answer",
            where=label,
            hint="Start it (`chroma run`), or take `url` out of connectors/chroma.yaml.",
        )
    if is_of_chroma(error) or isinstance(error, ValueError) or type(error) is Exception:
        return StateError(f"the Chroma server failed: {_reason(error)}", where=label, hint="Look into its log.")
    return None


def _of_folder(error: BaseException, label: str, folder: Path | None) -> StateError | None:
    if not (is_of_chroma(error) or _from(error, "sqlite3") or isinstance(error, OSError)):
        return None
    words = str(error)
    if "disk is full" in words or "os error 28" in words or _is_full(error, folder):
        return StorageFull(
            "the disk is full; what was written before is intact", where=label, hint="Free some space, and try again."
        )
    if "database is locked" in words or "Error finding id" in words:
        return IndexBusy(
            "another process is writing the vectors",
            where=label,
            hint="Try again when it has ended. If that does not help, delete this folder and run `ragstone ingest`.",
        )
    return StateError(f"the vectors cannot be used: {_reason(error)}", where=label, hint=_REPAIR)


def _from(error: BaseException | None, package: str) -> bool:
    return type(error).__module__.split(".")[0] == package


def _is_full(error: BaseException, folder: Path | None) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    return folder is not None and folder.exists() and shutil.disk_usage(folder).free < FULL


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
