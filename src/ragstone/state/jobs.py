"""`jobs.db`: ingestions that somebody was promised. What is written here is done, also by the next process."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ragstone.errors import IndexBusy, UsageError
from ragstone.state.precious import PreciousFile

__all__ = ["Job", "JobFile", "Wanted"]

FORMAT = 1
MOST_WAITING = 1_000  # jobs
KEPT = 1_000  # jobs that have ended
MOST_PATHS = 10_000

JobState = Literal["waiting", "running", "done", "failed"]

SCHEMA = """
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, wanted TEXT NOT NULL,
  state TEXT NOT NULL, asked REAL NOT NULL, began REAL, ended REAL, progress TEXT NOT NULL, report TEXT NOT NULL,
  error TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, number);
"""
_COLUMNS = ("id", "tenant", "wanted", "state", "asked", "began", "ended", "progress", "report", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be ingested: the uris in `only`, or all; `rebuild` makes the index anew beside the old one."""

    pipeline: str = "ingest"
    only: tuple[str, ...] = ()
    rebuild: bool = False

    def __post_init__(self) -> None:
        if self.rebuild and self.only:
            raise UsageError("a rebuild makes the whole index", where="ingest", expected="no paths")
        if len(self.only) > MOST_PATHS:
            found = f"{len(self.only):,}"
            raise UsageError("names too many paths", where="only", expected=f"at most {MOST_PATHS:,}", found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An ingestion that was asked for. Times are seconds from the epoch."""

    id: str
    tenant: str
    wanted: Wanted
    state: JobState
    asked: float
    began: float | None = None
    ended: float | None = None
    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_dict(self) -> dict[str, Any]:
        """The job as the service tells it."""
        said = asdict(self)
        return {**said, "wanted": {**said["wanted"], "only": list(self.wanted.only)}}


class JobFile:
    """Jobs in a file, or in memory without one. Its methods block, and raise StateError.

    `clock` counts seconds from the epoch.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = PreciousFile(path, SCHEMA, version=FORMAT, noun="jobs", instead=" and ask for them again")

    def ask(self, wanted: Wanted, *, tenant: str) -> Job:
        """Writes a job down; one that waits already and wants the same is given in its place.

        On return it is on disk. Raises IndexBusy where too many wait.
        """
        told = json.dumps(asdict(wanted))
        with self._file.writing() as db:
            same = f"SELECT {','.join(_COLUMNS)} FROM jobs WHERE state = 'waiting' AND tenant = ? AND wanted = ?"
            if row := db.execute(same, (tenant, told)).fetchone():
                return _job(row)
            waiting = db.execute("SELECT COUNT(*) FROM jobs WHERE state = 'waiting'").fetchone()[0]
            if waiting >= MOST_WAITING:
                raise IndexBusy(f"{waiting:,} ingestions wait already", hint="Come again when some of them are done.")
            job = Job(id=secrets.token_hex(8), tenant=tenant, wanted=wanted, state="waiting", asked=self._clock())
            row = {**asdict(job), "wanted": told} | dict.fromkeys(("progress", "report", "error"), "{}")
            db.execute(
                f"INSERT INTO jobs ({','.join(_COLUMNS)}) VALUES ({','.join(f':{name}' for name in _COLUMNS)})", row
            )
            db.execute(
                "DELETE FROM jobs WHERE state IN ('done', 'failed') AND number <"
                f" (SELECT MAX(number) FROM jobs) - {KEPT}"
            )
        return job

    def next(self) -> Job | None:
        """The one to do next: it waits, or its process has died."""
        found = self._select("WHERE state IN ('waiting', 'running') ORDER BY number LIMIT 1", ())
        return found[0] if found else None

    def all(self, limit: int, *, tenant: str | None = None) -> list[Job]:
        """The last jobs, the newest first: of one tenant, or of all."""
        if tenant is None:
            return self._select("ORDER BY number DESC LIMIT ?", (limit,))
        return self._select("WHERE tenant = ? ORDER BY number DESC LIMIT ?", (tenant, limit))

    def show(self, job_id: str) -> Job | None:
        """One of them."""
        found = self._select("WHERE id = ?", (job_id,))
        return found[0] if found else None

    def begin(self, job: Job) -> None:
        """It is being done."""
        self._set(job, state="running", began=self._clock())

    def wait(self, job: Job) -> None:
        """It has to wait: somebody else ingests."""
        self._set(job, state="waiting", began=None)

    def tell(self, job: Job, progress: Mapping[str, Any]) -> None:
        """How far it has come."""
        self._set(job, progress=json.dumps(progress))

    def end(self, job: Job, *, report: Mapping[str, Any] | None = None, error: Mapping[str, Any] | None = None) -> None:
        """It is done, or has failed with an error."""
        state = "done" if error is None else "failed"
        self._set(job, state=state, ended=self._clock(), report=json.dumps(report or {}), error=json.dumps(error or {}))

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _set(self, job: Job, **facts: Any) -> None:
        with self._file.writing() as db:
            db.execute(
                f"UPDATE jobs SET {','.join(f'{name}=?' for name in facts)} WHERE id=?", (*facts.values(), job.id)
            )

    def _select(self, where: str, values: tuple[Any, ...]) -> list[Job]:
        if self._file.empty:
            return []
        with self._file.reading() as db:
            return [_job(row) for row in db.execute(f"SELECT {','.join(_COLUMNS)} FROM jobs {where}", values)]


def _job(row: tuple[Any, ...]) -> Job:
    given: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    wanted: dict[str, Any] = json.loads(given["wanted"])
    wanted["only"] = tuple(wanted["only"])
    given["wanted"] = Wanted(**wanted)
    return Job(**{**given, **{name: json.loads(given[name]) for name in ("progress", "report", "error")}})
