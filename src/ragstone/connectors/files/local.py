"""The walk through a folder of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ragstone.connectors.files.patterns import IGNORE_FILE, Chosen, hidden
from ragstone.errors import ParseError, SourceUnavailable

__all__ = ["ignore_rules", "read", "too_large", "walk"]


def walk(folder: Path, chosen: Chosen, unreadable: list[tuple[str, OSError]]) -> Iterator[tuple[str, os.stat_result]]:
    """The chosen files by their paths below a folder, sorted. What cannot be listed is added to `unreadable`."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            if not below or below.endswith("/"):
                waiting.extend(reversed(_entries(folder, below, chosen)))
            elif (found := _regular(folder, below)) is not None:
                yield below, found
        except FileNotFoundError:
            continue  # it went since its folder was listed
        except OSError as error:
            unreadable.append((below, error))


def ignore_rules(folder: Path, uri: str) -> str:
    """The text of the folder's ignore file, "" without one. Raises SourceUnavailable: what it hides must stay so."""
    try:
        return (folder / IGNORE_FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnavailable(f"cannot be read: {error}", where=f"{uri}/{IGNORE_FILE}") from error


def read(path: Path, uri: str, limit: int) -> bytes:
    """The bytes of a file. Raises ParseError when it cannot be read or is larger than the limit."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= limit:
                return file.read()
    except FileNotFoundError as error:
        raise ParseError("vanished before it was read", where=uri, hint="Ingest again.") from error
    except PermissionError as error:
        raise ParseError("permission denied", where=uri, hint="Grant read access to it, or exclude it.") from error
    except OSError as error:
        raise ParseError(f"cannot be read: {error.strerror}", where=uri) from error
    raise too_large(uri, limit, f"{size:,}")


def too_large(uri: str, limit: int, found: str) -> ParseError:
    """The error for a file that is larger than the source takes."""
    hint = "Raise `max_bytes` of its source, or exclude it."
    return ParseError("is too large", where=uri, expected=f"at most {limit:,} bytes", found=found, hint=hint)


def _entries(folder: Path, below: str, chosen: Chosen) -> list[str]:
    """What to visit in a folder, sorted; folders end in a slash, which puts them where their files belong."""
    found: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and chosen.below(path):
                    found.append(path + "/")
            elif not hidden(entry.name) and chosen.file(path):
                found.append(path)
    return sorted(found)


def _regular(folder: Path, below: str) -> os.stat_result | None:
    """The state of a regular file, also of one that a link leads to inside the folder; None for anything else."""
    path = folder / below
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(folder):
            return None
        found = target.lstat()  # a loop of links leads to a link again
    return found if stat.S_ISREG(found.st_mode) else None
