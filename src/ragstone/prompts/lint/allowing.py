"""Exceptions: a comment `# lint: allow question-first` in a file keeps findings of that kind in it from being told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from ragstone.errors import nearest
from ragstone.prompts.lint.finding import Fault, Finding
from ragstone.prompts.reading import Line, Reading

__all__ = ["IDLE", "Allowances"]

IDLE = "idle-allowance"

_ALLOWS = re.compile(r"#\s*lint:\s*allow\s+([\w, -]+)")


class Allowances:
    """What the files of these prompts, and those that they include, allow."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._places: dict[tuple[str, str], str] = {}  # path and code, to where that is said
        for line in (line for reading in readings for line in reading.lines):
            for code, where in _named(line):
                self._places[str(line.path), code] = where

    def kept(self, found: Sequence[Finding]) -> list[Finding]:
        """The findings that nothing allows."""
        return [one for one in found if (one.path, one.code) not in self._places]

    def idle(self, found: Sequence[Finding], *, known: Collection[str], judged: Collection[str]) -> Iterator[Fault]:
        """Allowances of codes that there are not, and of those that were looked for and found nowhere."""
        seen = {(one.path, one.code) for one in found}
        for (path, code), where in self._places.items():
            if code not in known:
                hint = nearest(code, known) or "docs/prompt-lint.md lists them."
                yield Fault(where, f"there is no kind of fault named '{code}'", hint)
            elif code in judged and (path, code) not in seen:
                yield Fault(where, f"there is nothing of the kind '{code}' to allow", "Take the comment out.")


def _named(line: Line) -> Iterator[tuple[str, str]]:
    if found := _ALLOWS.search(line.text):
        for code in re.finditer(r"[\w-]+", found[1]):
            yield code[0], line.where(found.start(1) + code.start())
