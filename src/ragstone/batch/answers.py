"""The file of answers: one line for each question, in their order, whole at any moment.

    answers.jsonl           what is finished up to the first question that is not
    answers.jsonl.journal   answers that came before their turn, each behind its number and a tab
    answers.jsonl.before    while failed questions are asked again: the file as it was
    answers.jsonl.lock      who writes; gone with who wrote

Each line begins with the key of what was asked, so that a line of another question is never taken for its answer. A
line that was cut short by whatever stopped the last run is cut off.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ragstone.batch.lines import Line
from ragstone.batch.results import BatchReport
from ragstone.errors import IndexBusy, StateError, StorageFull, UsageError
from ragstone.state.lease import LeaseLock

__all__ = ["AnswerFile", "Answers", "Kept"]

SYNC = 1.0  # seconds between two times that the disk is made to write
JOURNAL = 16 << 20  # bytes of a journal that is then written anew, without what has had its turn
START = b'{"asked": "'


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished line of an earlier run."""

    number: int
    data: bytes


class Answers:
    """Lines that are written in their order, to standard output: nothing is kept of them."""

    def __init__(self) -> None:
        self.report = BatchReport()
        self.next = 0
        self._pending: dict[int, bytes] = {}

    def put(self, found: Sequence[tuple[int, bytes]]) -> int:
        """Writes what has its turn; returns how many lines have been written in all."""
        self._write(self._ready(found))
        return self.next

    def _ready(self, found: Sequence[tuple[int, bytes]]) -> bytes:
        self._pending |= dict(found)
        ready: list[bytes] = []
        while self.next in self._pending:
            ready.append(self._pending.pop(self.next))
            self.next += 1
        return b"".join(ready)

    def _write(self, data: bytes) -> None:
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


class AnswerFile(Answers):
    """The file, for one run alone. Raises IndexBusy where another run writes it.

    >>> with AnswerFile(Path("answers.jsonl")) as answers:
    ...     answers.resume(lines)
    ...     answers.put([(0, line)])
    ...     answers.finish()
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._journal_path, self._before_path = _beside(path, "journal"), _beside(path, "before")
        self._ends = ExitStack()
        self._kept: dict[int, bytes] = {}
        self._before: Generator[tuple[bytes, dict[str, Any]]] | None = None
        self._synced = time.monotonic()

    def __enter__(self) -> AnswerFile:
        try:
            with _translated(self.path):
                self._ends.enter_context(_OutputLock(self.path))
                self._file = self._ends.enter_context(self.path.open("ab", buffering=0))
                self._journal = self._ends.enter_context(self._journal_path.open("ab", buffering=0))
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            self._before.close()
        with suppress(OSError):
            if not self._journal.closed and not os.fstat(self._journal.fileno()).st_size:
                self._journal_path.unlink(missing_ok=True)
        self._ends.close()

    # ── What is there already ────────────────────────────────────────────────────────────────────────────────────────

    def resume(self, lines: Iterator[Line], *, questions: Path, again: bool = False) -> None:
        """Takes the lines of `questions` that are done, and compares each with what came of it. Raises UsageError.

        Where errors are asked `again`, their questions may have been mended.
        """
        with _translated(self.path):
            end = 0
            for data, known in self._finished(self.path):
                line = next(lines, None)
                if line is None or (known["asked"] != line.key and not (again and "error" in known)):
                    expected = (
                        f"the question at {questions}:{line.place}" if line else f"no more than {questions} holds"
                    )
                    raise _others(f"{self.path}:{self.next + 1}", expected)
                end += len(data)
                self.next += 1
                self.report.count(known)
                self.report.earlier += 1
            self._file.truncate(end)
            self._kept = self._journaled()
            if self._before_path.exists():
                self._before = self._finished(self._before_path)
                for _ in range(self.next):
                    next(self._before, None)

    def again(self) -> bool:
        """Has its errors asked again. Returns whether it was put aside for that, so that all begins anew."""
        self._kept = {number: data for number, data in self._kept.items() if "answer" in json.loads(data)}
        if self._before_path.exists():
            return False  # that is under way already
        with _translated(self.path):
            self._file.close()
            self.path.replace(self._before_path)
            self._file = self._ends.enter_context(self.path.open("ab", buffering=0))
            self._before = self._finished(self._before_path)
            self.next, self.report = 0, BatchReport()
        return True

    def kept(self, line: Line) -> Kept | None:
        """What an earlier run has found for a line. All those that are left are given one after the other."""
        before = next(self._before, None) if self._before else None
        if (data := self._kept.pop(line.number, None)) is not None and json.loads(data)["asked"] == line.key:
            return Kept(line.number, data)
        if before is None:
            return None
        data, known = before
        if "answer" not in known:
            return None
        if known["asked"] != line.key:
            raise _others(f"{self._before_path}:{line.number + 1}", f"the question on line {line.place}")
        return Kept(line.number, data)

    def _finished(self, path: Path) -> Generator[tuple[bytes, dict[str, Any]]]:
        """Each whole line of a file of answers. Raises UsageError for a file of another kind."""
        with path.open("rb") as file:
            for number, data in enumerate(file, 1):
                whole = data.endswith(b"\n")
                ours = data.startswith(START) or (not whole and START.startswith(data[: len(START)]))
                if not ours and data.strip(b"\0\r\n"):
                    raise _foreign(f"{path}:{number}")
                if not whole or not ours:
                    return
                try:
                    known = json.loads(data)
                except ValueError:
                    raise _foreign(f"{path}:{number}") from None
                yield data, known

    def _journaled(self) -> dict[int, bytes]:
        kept: dict[int, bytes] = {}
        end = 0
        with self._journal_path.open("rb") as file:
            for data in file:
                number, tab, line = data.partition(b"\t")
                if not (tab and number.isdigit() and line.startswith(START) and line.endswith(b"}\n")):
                    break
                end += len(data)
                if int(number) >= self.next:
                    kept[int(number)] = line
        self._journal.truncate(end)
        return kept

    # ── What comes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, found: Sequence[tuple[int, bytes]]) -> int:
        """Writes what has its turn, and keeps the others. Raises StorageFull; then what was there before is whole."""
        with _translated(self.path):
            ready = self._ready(found)
            _append(self._file, ready)
            _append(self._journal, _entries((number, data) for number, data in found if number >= self.next))
            if self._journal.tell() > JOURNAL:
                self._renew()
            if time.monotonic() - self._synced > SYNC:
                os.fsync(self._file.fileno())
                os.fsync(self._journal.fileno())
                self._synced = time.monotonic()
        return self.next

    def finish(self) -> None:
        """Says that there are no more questions: what helped to go on is removed."""
        with _translated(self.path):
            os.fsync(self._file.fileno())
            self._journal.close()
            self._journal_path.unlink(missing_ok=True)
            self._before_path.unlink(missing_ok=True)

    def _renew(self) -> None:
        """Writes the journal anew. What has had its turn must be safe before."""
        os.fsync(self._file.fileno())
        fresh = _beside(self._journal_path, "new")
        with fresh.open("wb", buffering=0) as file:
            _append(file, _entries(self._pending.items()))
            os.fsync(file.fileno())
        self._journal.close()
        fresh.replace(self._journal_path)
        self._journal = self._ends.enter_context(self._journal_path.open("ab", buffering=0))


class _OutputLock(LeaseLock):
    """A lock whose file is gone when nobody writes any more."""

    def __init__(self, path: Path) -> None:
        super().__init__(_beside(path, "lock"), purpose="ragstone batch")

    def try_acquire(self) -> bool:
        """Takes the lock if it is free now, and its file was not taken away by who held it before."""
        if not super().try_acquire():
            return False
        assert self._descriptor is not None
        try:
            same = os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            same = False
        if not same:
            super().release()
        return same

    def busy(self) -> IndexBusy:
        """The error that names the holder, where it is known."""
        hint = "Wait until it has ended, or name another file with -o."
        return IndexBusy(f"is being written by {self.holder()}", where=str(self.path.with_suffix("")), hint=hint)

    def release(self) -> None:
        """Gives the lock back and removes its file; twice is harmless."""
        if self._descriptor is not None:
            with suppress(OSError):  # Windows keeps a file that is open
                self.path.unlink()
        super().release()


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _entries(found: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(b"%d\t%s" % (number, data) for number, data in found)


def _append(file: BinaryIO, data: bytes) -> None:
    """All of it or nothing: a disk that is full may take a part."""
    if not data:
        return
    begun, left = os.fstat(file.fileno()).st_size, memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        with suppress(OSError):
            file.truncate(begun)
        raise


@contextmanager
def _translated(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Free some space and run the same command again: it goes on."
            raise StorageFull("the disk is full", where=str(path), hint=hint) from error
        raise StateError(f"cannot be written: {error.strerror or error}", where=str(path)) from error


def _others(where: str, expected: str) -> UsageError:
    return UsageError(
        "it answers another question, or one that was asked in another way",
        where=where,
        expected=expected,
        hint="Name another file with -o, or delete this one to begin anew.",
    )


def _foreign(where: str) -> UsageError:
    return UsageError("is no file of answers", where=where, hint="Name another file with -o.")
