"""Files that are put into the folder of a source: where they may lie, and how they get there whole."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from ragstone.connectors.files.patterns import Chosen, hidden
from ragstone.errors import SourceUnavailable, UsageError
from ragstone.inbox import Inbox

__all__ = ["FolderInbox"]

LONGEST, LONGEST_PATH = 200, 1_000  # bytes of a name, and of all with the folders before it
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)


class FolderInbox(Inbox):
    """A folder of this machine. `chosen` are the files that its source lists; `named` makes a uri of a name."""

    def __init__(
        self, folder: Callable[[], Path], chosen: Callable[[], Chosen], named: Callable[[str], str], most: int
    ) -> None:
        self._folder, self._chosen, self._named, self._most = folder, chosen, named, most

    def uri(self, name: str) -> str:
        """See Inbox."""
        parts = name.split("/")
        fault = next((fault for part in parts if (fault := _fault(part))), "")
        if len(name.encode(errors="replace")) > LONGEST_PATH:
            fault = f"is longer than {LONGEST_PATH:,} bytes"
        if fault:
            raise UsageError(f"the name {fault}", where="name", expected="folder/file.md", found=repr(name)[:80])
        chosen = self._chosen()
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if hidden(parts[-1]) or not all(map(chosen.below, folders)) or not chosen.file(name):
            raise UsageError(
                "the source does not list such a file",
                where="name",
                found=repr(name)[:80],
                hint="See `include` and `exclude` of its file in connectors/.",
            )
        return self._named(name)

    def room(self, name: str) -> Path:
        """See Inbox. What lies there is hidden, so that no ingestion finds it."""
        with _Telling(self._named("")):
            place = self._place(name, make=True)
            aside = place.with_name(f".{secrets.token_hex(8)}.part")
            aside.touch(mode=0o600, exist_ok=False)
            return aside

    def put(self, name: str, written: Path, *, check: Callable[[bytes], None]) -> None:
        """See Inbox."""
        with _Telling(self._named("")):
            size = written.stat().st_size
            if size > self._most:
                expected, found = f"at most {self._most:,} bytes", f"{size:,}"
                raise UsageError("the file is too large", where=name, expected=expected, found=found)
            check(written.read_bytes())
            place = self._place(name, make=False)
            written.chmod(0o644)
            with written.open("rb") as file:
                os.fsync(file.fileno())
            written.replace(place)

    def remove(self, name: str) -> bool:
        """See Inbox."""
        self.uri(name)
        with _Telling(self._named("")):
            try:
                self._place(name, make=False).unlink()
            except FileNotFoundError:
                return False
            return True

    def _place(self, name: str, *, make: bool) -> Path:
        """Where it lies, which no link on the way may lead out of the folder."""
        folder = self._folder()
        place = folder / name
        if make:
            place.parent.mkdir(parents=True, exist_ok=True)
        if Path(os.path.realpath(place.parent)) != place.parent or place.is_symlink() or place.is_dir():
            raise UsageError("the name leads to a link or a folder", where="name", found=repr(name)[:80])
        return place


class _Telling:
    """Tells what the disk refuses."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise UsageError("the name leads through a file", where="name") from error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            hint = "Can the service write there?"
            raise SourceUnavailable(f"cannot be written: {error.strerror}", where=self._uri, hint=hint) from error


def _fault(part: str) -> str:
    """What is wrong with one part of a name."""
    if not part or part.startswith("."):
        return "has a part that is empty, or begins with a dot"
    if "\ufffd" in part:
        return "is no UTF-8"
    if _FORBIDDEN.search(part) or not part.isprintable():
        return 'has a character that is not printed, or one of < > : " | ? * \\'
    if _RESERVED.fullmatch(part) or part[-1] in " ." or part[0] == " ":
        return "is kept from use, or begins in a space, or ends in one or in a dot"
    if len(part.encode(errors="replace")) > LONGEST:
        return f"has a part that is longer than {LONGEST} bytes"
    try:
        part.encode()
    except UnicodeEncodeError:
        return "is no text"
    return ""
