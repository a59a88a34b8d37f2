"""One question of a suite, and what is expected of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EXPECTATIONS", "Case", "Evidence"]

EXPECTATIONS = ("expected", "relevant", "contains", "not_contains", "abstains", "rubric")
"""The fields of a case by which an answer can be right or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A document that answers a question, how well, and which of its characters: `[start, end)`, or all of them.

    A `grade` is above 0; a document that answers better has a higher one. Where a file gives the words themselves,
    `quote` holds them, and their range is looked for in the index.
    """

    uri: str
    grade: int = 1
    start: int | None = None
    end: int | None = None
    quote: str = ""

    @property
    def span(self) -> tuple[int, int] | None:
        """Its characters; None where the whole document is meant."""
        return None if self.start is None or self.end is None else (self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question and what is expected of its answer; `where` is its place, as `evals/handbook.jsonl:3`.

    `expected` are right answers, any of which will do; `contains` are words that must all stand in the answer, and
    `not_contains` words of which none may. `abstains` says that no document answers it. A judge reads the `rubric`.
    `id` stays the same while the question does: by it two runs are compared. Of a `draft` nobody has said yet that it
    is right.
    """

    id: str
    question: str
    where: str = ""
    expected: tuple[str, ...] = ()
    relevant: tuple[Evidence, ...] = ()
    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    abstains: bool = False
    rubric: str = ""
    tags: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    filters: Mapping[str, Any] | None = None  # its `where`, in the filter language
    principals: tuple[str, ...] = ()
    draft: bool = False

    def has(self, name: str) -> bool:
        """Whether it says something under one of EXPECTATIONS."""
        return bool(getattr(self, name))

    @property
    def expects(self) -> frozenset[str]:
        """Those of EXPECTATIONS under which it says something."""
        return frozenset(name for name in EXPECTATIONS if self.has(name))
