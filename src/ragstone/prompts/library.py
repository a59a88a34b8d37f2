"""The prompt files of a running application: an edit counts from the next request on, unless it is broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ragstone.errors import PromptError
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.outputs import PART

__all__ = ["Library"]

log = logging.getLogger("ragstone")

PATIENCE = 0.5  # seconds before a broken file is tried again though it looks the same

Signature = tuple[tuple[str, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that was loaded, what it and all that it includes looked like then, and when it was tried last."""

    file: PromptFile
    signature: Signature
    tried: float = 0.0

    def counts(self) -> bool:
        """Whether it still stands as it was. What is broken is tried again: its fault may lie in a file it includes."""
        if self.file.fault and time.monotonic() - self.tried > PATIENCE:
            return False
        return self.signature == _signature(self.file)


class Library:
    """Loads prompt files by name, each again only where it or what it includes has changed.

    An edit that does not load leaves the last good version in use; its `fault` then says what is wrong with the newer
    one, and so does the log, once. A file that never loaded raises its error. Threads may share it.

    `check` raises PromptError for a file that loads, and does not fit the project around it.
    """

    def __init__(self, find: Callable[[str], Path], check: Callable[[PromptFile], object] = bool) -> None:
        self._find, self._check = find, check
        self._kept: dict[Path, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> PromptFile:
        """The prompt of that name. Raises PromptError where there is none, or none that ever loaded."""
        path = self._find(name)
        with self._lock:
            kept = self._kept.get(path)
            if kept is None or not kept.counts():
                kept = self._kept[path] = _loaded(path, kept, self._check)
            return kept.file


def _loaded(path: Path, before: _Kept | None, check: Callable[[PromptFile], object]) -> _Kept:
    seen = _looks(path)
    try:
        file = load(path)
        check(file)
    except PromptError as error:
        if before is None:
            raise
        if before.file.fault != str(error):
            said = str(error)
            end = "" if said.endswith((".", "?")) else "."
            log.warning("%s%s The last good version of the prompt stays in use.", said, end)
        return _Kept(replace(before.file, fault=str(error)), _signature(before.file), time.monotonic())
    # What was written while it was read is read with the next request.
    return _Kept(file, (seen, *_signature(file)[1:]))


def _signature(file: PromptFile) -> Signature:
    names = [
        *file.body.includes,
        *([PART] if file.output is not None else []),
        *([file.few_shot.file] if file.few_shot is not None else []),
        *file.layers.texts,
    ]
    paths = [file.path, *(file.root / name for name in names)]
    return tuple(_looks(path) for path in paths)


def _looks(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size
