"""A run as it lies in `.ragstone/evals/`: one folder for each, whole at any moment.

    handbook-3/
        run.json         what was asked, of what, when, and whether it has ended
        results.jsonl    one line for each answer, in the order in which they came
        lock             who writes; gone with who wrote

A line that was cut short by whatever stopped the run is cut off when it goes on.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ragstone.config import STATE
from ragstone.errors import IndexBusy, StateError, UsageError, nearest
from ragstone.evaluation.cases import Case, Evidence
from ragstone.evaluation.outcomes import Outcome
from ragstone.state.lease import LeaseLock

__all__ = ["FORMAT", "Run", "RunFile", "Runs"]

FORMAT = 1
SYNC = 1.0  # seconds between two times that the disk is made to write
_LISTS = ("expected", "contains", "not_contains", "tags", "principals")
_NAME = re.compile(r"(?P<suite>.*?)(?:-(?P<number>\d+)|~(?P<back>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that was read. `facts` are those of run.json; outcomes have their cases with them, by file and line.

    Facts: `suite`, `key`, `started` and `ended` (seconds from the epoch; `ended` None for a run that was cut short),
    `metrics` (their names), `pipelines` (by name: pipeline, prompt, version of the prompt, model), `repeats`, `cache`,
    `cases` (how many), `version` (of Ragstone), `notes` (sentences that a report shows: what was found out about the
    judge, say), `contamination` (what `contamination.py` has found, as its `as_dict`s), `gates` (as the suite has
    them).
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]
    outcomes: Sequence[Outcome]

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Those that were asked, in the suite's order."""
        return tuple(self.facts["pipelines"])

    def of(self, pipeline: str) -> list[Outcome]:
        """What one pipeline has said."""
        return [one for one in self.outcomes if one.pipeline == pipeline]


class Runs:
    """The runs of a project."""

    def __init__(self, root: Path) -> None:
        self.folder = root / STATE / "evals"

    def names(self, suite: str | None = None) -> list[str]:
        """The names of the runs that are kept, the oldest of each suite first."""
        if not self.folder.is_dir():
            return []
        found = [path.parent.name for path in self.folder.glob("*/run.json")]
        numbered = [(match["suite"], int(match["number"])) for name in found if (match := _numbered(name))]
        return [f"{name}-{number}" for name, number in sorted(numbered) if suite in (None, name)]

    def find(self, said: str) -> Path:
        """The folder of a run: `handbook-3`, `handbook` for its last, `handbook~1` for the one before, or a path.

        Raises UsageError for what is none of these.
        """
        if (Path(said) / "run.json").is_file():
            return Path(said)
        match = _NAME.fullmatch(said)
        assert match is not None, "the last part is optional"
        if said in (known := self.names()):
            return self.folder / said
        suite = match["suite"] if match["back"] else said
        of_suite, back = self.names(suite), int(match["back"] or 0)
        if back < len(of_suite):
            return self.folder / of_suite[-1 - back]
        hint = nearest(said, known) or "Run: ragstone eval run SUITE"
        expected = "the name of a run, as `ragstone eval runs` lists them, or its folder"
        raise UsageError(f"there is no run {said!r}", expected=expected, hint=hint)

    def read(self, said: str) -> Run:
        """A run by its name or folder. Raises UsageError where there is none, StateError where it cannot be read."""
        folder = self.find(said)
        facts = read_facts(folder)
        return Run(name=folder.name, folder=folder, facts=facts, outcomes=_in_order(_outcomes(folder)))

    def begin(self, suite: str, facts: Mapping[str, Any], *, anew: bool = False) -> RunFile:
        """The run to write: the last of a suite, where it was cut short and has the same `key`, else a new one.

        Raises IndexBusy where another process writes that run.
        """
        known = self.names(suite)
        if known and not anew:
            last = self.folder / known[-1]
            found = read_facts(last)
            if found.get("ended") is None and found.get("key") == facts["key"]:
                return RunFile(last, found)
        number = 1 + (int(known[-1].rpartition("-")[2]) if known else 0)
        while True:
            folder = self.folder / f"{suite}-{number}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:  # another process has begun that one just now
                number += 1
                continue
            except OSError as error:
                raise StateError(f"cannot be made: {error.strerror}", where=str(folder)) from error
            return RunFile(folder, facts)


class RunFile:
    """A run while it is written, by one process alone.

    >>> with Runs(root).begin("handbook", facts) as file:
    ...     file.add(outcome)
    ...     file.end(facts)
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts: Mapping[str, Any] = facts
        self.outcomes: list[Outcome] = []
        self._lock = LeaseLock(folder / "lock", purpose="ragstone eval run")
        self._synced = time.monotonic()

    @property
    def name(self) -> str:
        """The run's."""
        return self.folder.name

    def __enter__(self) -> RunFile:
        if not self._lock.try_acquire():
            hint = "Wait until it has ended, or begin another one with --new."
            raise IndexBusy(f"is being run by {self._lock.holder()}", where=self.name, hint=hint)
        try:
            if not (self.folder / "run.json").exists():
                self._write(self.facts)
            results = self.folder / "results.jsonl"
            self.outcomes = list(_outcomes(self.folder)) if results.exists() else []
            self._file = results.open("ab", buffering=0)
            self._file.truncate(_whole(results))
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with suppress(OSError):
            self._lock.path.unlink()
        self._lock.release()

    def add(self, outcome: Outcome) -> None:
        """Keeps what came of one case. It blocks."""
        data = json.dumps(asdict(outcome), ensure_ascii=False, default=str).encode(errors="replace") + b"\n"
        self._file.write(data)
        if time.monotonic() - self._synced > SYNC:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        self.outcomes.append(outcome)

    def end(self, facts: Mapping[str, Any]) -> Run:
        """Says that nothing is missing, and what else is known by now."""
        os.fsync(self._file.fileno())
        self.facts = {**facts, "ended": time.time()}
        self._write(self.facts)
        return Run(name=self.name, folder=self.folder, facts=self.facts, outcomes=_in_order(self.outcomes))

    def _write(self, facts: Mapping[str, Any]) -> None:
        text = json.dumps({"format": FORMAT, **facts}, ensure_ascii=False, indent=1, default=str)
        fresh = self.folder / "run.json.new"
        fresh.write_text(f"{text}\n", encoding="utf-8")
        fresh.replace(self.folder / "run.json")


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _numbered(name: str) -> re.Match[str] | None:
    match = _NAME.fullmatch(name)
    return match if match and match["number"] else None


def read_facts(folder: Path) -> dict[str, Any]:
    """What run.json says. Raises StateError for a file that is damaged or of another version."""
    path = folder / "run.json"
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "Delete the folder: the run can be made again."
        raise StateError(f"cannot be read: {error}", where=str(path), hint=hint) from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:  # pyright: ignore[reportUnknownMemberType]
        raise StateError("is of another version of Ragstone", where=str(path), expected=f"format {FORMAT}")
    return facts  # pyright: ignore[reportUnknownVariableType]


def _outcomes(folder: Path) -> list[Outcome]:
    path = folder / "results.jsonl"
    found: list[Outcome] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    for number, line in enumerate(lines[:-1], 1):  # behind the last line break there is nothing, or half a line
        try:
            found.append(_of(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            hint = "Delete the folder: the run can be made again."
            raise StateError("is no result", where=f"{path}:{number}", hint=hint) from None
    return found


def _in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """By file and line, each once: what failed and was asked again counts as it was answered last."""
    last = {(one.case.id, one.pipeline, one.repeat): one for one in outcomes}
    return sorted(last.values(), key=_place)


def _place(one: Outcome) -> tuple[str, int, int]:
    file, _, line = one.case.where.rpartition(":")
    return file, int(line) if line.isdigit() else 0, one.repeat


def _whole(path: Path) -> int:
    """The bytes of a file up to its last line break."""
    data = path.read_bytes()
    return data.rfind(b"\n") + 1


def _of(given: Mapping[str, Any]) -> Outcome:
    case: dict[str, Any] = dict(given["case"])
    for name in _LISTS:
        case[name] = tuple(case[name])
    case["relevant"] = tuple(Evidence(**one) for one in case["relevant"])
    read: dict[str, Any] = dict(given)
    read["case"] = Case(**case)
    read["rows"] = {name: tuple(row) for name, row in given["rows"].items()}
    return Outcome(**read)
