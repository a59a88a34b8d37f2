"""`feedback.db`: what people have said of answers. Nothing makes it again, so it is not for deleting.

It is a file of its own: `project.db` can be made anew from the documents, and traces make room for newer ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ragstone.errors import UsageError
from ragstone.state.precious import PreciousFile

__all__ = ["Answered", "Feedback", "FeedbackFile", "Said"]

FORMAT = 1
LONGEST = 20_000  # characters of a correction, and of a comment
NAME = 200  # characters of who it is

SCHEMA = """
CREATE TABLE feedback (
  tenant TEXT NOT NULL, trace TEXT NOT NULL, by TEXT NOT NULL, given REAL NOT NULL, good INTEGER,
  correction TEXT NOT NULL, comment TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
  request TEXT NOT NULL, abstained INTEGER NOT NULL, citations TEXT NOT NULL, prompt TEXT NOT NULL,
  model TEXT NOT NULL, principals TEXT NOT NULL, PRIMARY KEY (tenant, trace, by)
) WITHOUT ROWID;
CREATE INDEX feedback_by_time ON feedback (tenant, given);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says of an answer. A correction without thumbs says that it was not right.

    Raises UsageError where nothing is said, and for what is too long or no text.
    """

    good: bool | None = None
    correction: str = ""
    comment: str = ""
    by: str = ""

    def __post_init__(self) -> None:
        for name, most in (("correction", LONGEST), ("comment", LONGEST), ("by", NAME)):
            _demand_text(name, getattr(self, name), most)
        if self.good not in (None, True, False):
            raise UsageError("is neither good nor bad", where="good", expected="True or False", found=repr(self.good))
        if self.good is None and not self.correction.strip() and not self.comment.strip():
            raise UsageError("nothing is said of the answer", expected="good, a correction or a comment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer that is spoken of, as its trace has it. `prompt` is `name@version`; `principals` saw it.

    `request` is `ask`, or `chat` where the question may rest on what was said before it, which no trace holds.
    """

    trace: str
    question: str
    answer: str
    request: str = "ask"
    abstained: bool = False
    citations: tuple[str, ...] = ()  # the uris, in the order in which they are cited
    prompt: str = ""
    model: str = ""
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Answered):
    """What one person has said of one answer. `given` counts seconds from the epoch."""

    tenant: str = "default"
    given: float = 0.0
    good: bool | None = None
    correction: str = ""
    comment: str = ""
    by: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The feedback as `ragstone feedback list --json` prints it."""
        return asdict(self)


_COLUMNS = tuple(field.name for field in fields(Feedback))
_LISTS = ("citations", "principals")


class FeedbackFile:
    """Feedback in a file, or in memory without one. Its methods block, and raise StateError.

    `clock` counts seconds from the epoch.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        instead = ": then feedback begins anew"
        self._file = PreciousFile(path, SCHEMA, version=FORMAT, noun="feedback", instead=instead)

    def keep(self, answered: Answered, said: Said, *, tenant: str) -> Feedback:
        """Keeps what is said of an answer, and returns all that this person says of it by now.

        New thumbs replace the old ones, new words the old words. Who finds an answer good takes a correction back.
        """
        with self._file.writing() as db:
            key = (tenant, answered.trace, said.by)
            row = db.execute(
                "SELECT good, correction, comment FROM feedback WHERE tenant=? AND trace=? AND by=?", key
            ).fetchone()
            good, correction, comment = row or (None, "", "")
            if said.correction.strip():
                good, correction = False, said.correction
            elif said.good:
                correction = ""
            if said.good is not None:
                good = said.good
            found = Feedback(
                **{field.name: getattr(answered, field.name) for field in fields(Answered)},
                tenant=tenant,
                given=self._clock(),
                good=None if good is None else bool(good),
                correction=correction,
                comment=said.comment if said.comment.strip() else comment,
                by=said.by,
            )
            marks = ",".join(f":{name}" for name in _COLUMNS)
            statement = f"INSERT OR REPLACE INTO feedback ({','.join(_COLUMNS)}) VALUES ({marks})"
            db.execute(statement, _row(found))
        return found

    def newest(self, limit: int | None = None, *, tenant: str) -> list[Feedback]:
        """A tenant's, the last first."""
        if self._file.empty:
            return []
        statement = f"SELECT {','.join(_COLUMNS)} FROM feedback WHERE tenant=? ORDER BY given DESC, trace, by LIMIT ?"
        with self._file.reading() as db:
            rows = db.execute(statement, (tenant, -1 if limit is None else limit)).fetchall()
        return [_feedback(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def forget(self, uri: str, *, tenant: str) -> None:
        """Removes a tenant's feedback on answers that cite a document: they quote it."""
        if self._file.empty:
            return
        cites = "EXISTS (SELECT 1 FROM json_each(citations) WHERE value = ?)"
        with self._file.writing() as db:
            db.execute(f"DELETE FROM feedback WHERE tenant=? AND {cites}", (tenant, uri))

    def forget_user(self, user: str, *, tenant: str) -> int:
        """Removes what a person has said of a tenant's answers; says how many answers that were."""
        if self._file.empty:
            return 0
        with self._file.writing() as db:
            return db.execute("DELETE FROM feedback WHERE tenant=? AND by=?", (tenant, user)).rowcount

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()


def _demand_text(name: str, value: object, most: int) -> None:
    if not isinstance(value, str):
        raise UsageError("is no text", where=name, found=repr(value)[:80])
    if len(value) > most:
        raise UsageError("is too long", where=name, expected=f"at most {most:,} characters", found=f"{len(value):,}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError("holds half a character", where=name, found=repr(value[error.start])) from None


def _row(feedback: Feedback) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(feedback, name) for name in _COLUMNS}
    return values | {name: json.dumps(values[name]) for name in _LISTS}


def _feedback(row: Mapping[str, Any]) -> Feedback:
    values: dict[str, Any] = {name: tuple(json.loads(row[name])) for name in _LISTS}
    values |= {"good": None if row["good"] is None else bool(row["good"]), "abstained": bool(row["abstained"])}
    return Feedback(**{**row, **values})
