"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ragstone.prompts.reading import Reading

__all__ = ["Check", "Fault", "Finding", "Folder", "FolderCheck", "FolderRule", "Rule", "Severity"]

Severity: TypeAlias = Literal["error", "warning"]

_PLACE = re.compile(r"(.*?)(?::(\d+))?(?::(\d+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a rule is broken: `path:line:column`, what stands there, and how to mend it."""

    where: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Folder:
    """All prompts of a folder; `shipped` are those that stand there as they came with Ragstone."""

    root: Path
    readings: list[Reading]
    shipped: frozenset[Path] = frozenset()


Check: TypeAlias = Callable[[Reading], Iterator[Fault]]
FolderCheck: TypeAlias = Callable[[Folder], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of fault in one prompt: its code, how bad it is, what looks for it, and why it matters."""

    code: str
    severity: Severity
    check: Check
    why: str


@dataclass(frozen=True, slots=True)
class FolderRule:
    """A kind of fault that shows only when all prompts are looked at together."""

    code: str
    severity: Severity
    check: FolderCheck
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault with the code of its kind. An error makes answers wrong; a warning makes them worse, or dearer."""

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    message: str
    why: str
    fix: str

    @classmethod
    def of(cls, code: str, severity: Severity, fault: Fault, why: str) -> Finding:
        """The finding of a fault; a place without a line is the beginning of the file."""
        place = _PLACE.fullmatch(fault.where)
        assert place is not None, "the pattern takes any text"
        return cls(
            code=code,
            severity=severity,
            path=place[1],
            line=int(place[2] or 1),
            column=int(place[3] or 1),
            message=fault.message,
            why=why,
            fix=fault.fix,
        )

    @property
    def where(self) -> str:
        """`path:line:column`, as editors open it."""
        return f"{self.path}:{self.line}:{self.column}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as `ragstone prompt lint --json` prints it."""
        keys = ("code", "severity", "path", "line", "column", "message", "why", "fix")
        return {key: getattr(self, key) for key in keys}
