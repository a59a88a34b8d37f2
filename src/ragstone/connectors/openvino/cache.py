"""A folder of files that can be made again at any time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from ragstone.errors import EmbedderError

__all__ = ["Cache", "user_cache"]


class Cache:
    """Keeps files by name. Where the folder cannot be written, nothing is kept and nothing fails."""

    def __init__(self, folder: Path | None = None) -> None:
        home = user_cache()
        self.folder = folder or (home and home / "ragstone" / "openvino")

    def find(self, name: str) -> Path | None:
        """The file of that name, if it was kept."""
        path = self.folder / name if self.folder else None
        return path if path and path.is_file() else None

    def keep(self, name: str, data: bytes | memoryview) -> None:
        """Writes a file whole or not at all: a reader in another process never sees half of it."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(made).replace(self.folder / name)
            except BaseException:
                Path(made).unlink(missing_ok=True)
                raise

    def digest(self, path: Path) -> str:
        """The BLAKE2b digest of a file. It is remembered by path, size and time of change: 90 MB take 0.1 s to read.

        Raises EmbedderError when the file cannot be read.
        """
        try:
            facts = path.stat()
            key = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}"
            name = f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.digest"
            kept = self.find(name)
            if kept is not None:
                return kept.read_text(encoding="ascii")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()
        except OSError as error:
            raise EmbedderError(f"cannot be read: {error}", where=str(path)) from error
        self.keep(name, found.encode("ascii"))
        return found


def user_cache() -> Path | None:
    """The folder where programs keep what may be deleted, see https://specifications.freedesktop.org/basedir-spec."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a home, as some containers run
        return None
