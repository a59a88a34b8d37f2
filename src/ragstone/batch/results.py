"""What comes of a batch: an answer or an error for each question, and their sums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from ragstone.batch.questions import BatchQuestion
from ragstone.errors import ModelError, RagstoneError
from ragstone.types import Answer

__all__ = ["BatchAnswer", "BatchProgress", "BatchReport", "written"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What came of one question: an answer, or the error that took its place. `number` counts from 0.

    `question` is None where it could not be read.
    """

    number: int
    question: BatchQuestion | None
    answer: Answer | None = None
    error: Exception | None = None

    def as_dict(self) -> dict[str, Any]:
        """As a line of the file of answers holds it."""
        asked = self.question
        said: dict[str, Any] = {"id": asked.id if asked else None, "question": asked.question if asked else None}
        if self.answer is not None:
            attempts = self.answer.completion.attempts
            said["answer"] = self.answer.as_dict()
        else:
            assert self.error is not None, "there is one of the two"
            attempts = self.error.attempts if isinstance(self.error, ModelError) else ()
            said["error"] = _told(self.error)
        return {**said, "attempts": [asdict(attempt) for attempt in attempts]}


def _told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, RagstoneError):
        return {"type": type(error).__name__, "message": str(error), "hint": None}
    line = str(error)
    message = line.removesuffix(f". {error.hint}") if error.hint else line
    return {"type": type(error).__name__, "message": message, "hint": error.hint}


@dataclass(slots=True, kw_only=True)
class BatchReport:
    """Sums over all lines of a file of answers; `earlier` of them stood there, or were kept, before this run.

    `cost` is in USD; tokens and cost are those of answers, since a call that failed says nothing of its own. `seconds`
    are those of this run.
    """

    answered: int = 0
    abstained: int = 0
    failed: int = 0
    earlier: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Questions that have an answer or an error."""
        return self.answered + self.failed

    def count(self, line: Mapping[str, Any]) -> None:
        """Adds a line of the file."""
        answer = cast("Mapping[str, Any] | None", line.get("answer"))
        if answer is None:
            self.failed += 1
            return
        self.answered += 1
        self.abstained += bool(answer["abstained"])
        self.input_tokens += answer["usage"]["input_tokens"]
        self.output_tokens += answer["usage"]["output_tokens"]
        self.cost += answer["cost"]

    def as_dict(self) -> dict[str, Any]:
        """The report as `ragstone batch --json` prints it."""
        return {"questions": self.done, **asdict(self), "cost": round(self.cost, 9), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch has come. `total` is None where nobody knows; `waiting` says what all wait for."""

    report: BatchReport
    total: int | None
    waiting: str = ""


def written(key: str, result: BatchAnswer) -> tuple[dict[str, Any], bytes]:
    """A result as a line of the file, behind the key of what was asked."""
    line = {"asked": key, **result.as_dict()}
    return line, json.dumps(line, ensure_ascii=False, default=str).encode(errors="replace") + b"\n"
