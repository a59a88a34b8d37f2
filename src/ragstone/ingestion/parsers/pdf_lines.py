"""Running titles: lines that pages repeat at their top or bottom, with the page's number perhaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["without_running_lines"]

LEAST_PAGES = 4
SHARE = 1 / 3  # of the pages: books have one line on left pages and another on right ones
DEEP = 3  # lines from the edge that may belong to it

_NUMBER = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2}")


def without_running_lines(pages: Sequence[str]) -> list[str]:
    r"""The pages without the lines that they repeat at an edge; one with words stays where it stands first.

    >>> without_running_lines([f"Annual report\nOn page {n} we say so.\nPage {n}" for n in range(1, 5)])[1]
    'On page 2 we say so.'
    """
    lines = [page.split("\n") for page in pages]
    with_text = sum(any(line.strip() for line in page) for page in lines)
    if with_text < LEAST_PAGES:
        return list(pages)
    least = max(LEAST_PAGES, with_text * SHARE)
    tops, bottoms = (_repeated(lines, step, least) for step in (1, -1))
    seen: set[str] = set()
    return ["\n".join(_trimmed(page, tops, bottoms, seen)).strip() for page in lines]


def _repeated(pages: Sequence[Sequence[str]], step: int, least: float) -> set[str]:
    """What stands near one edge of so many pages; seen from `step`'s side."""
    counts = Counter(form for page in pages for form in {_form(line) for line in _edge(page, step)})
    return {form for form, count in counts.items() if form and count >= least}


def _edge(page: Sequence[str], step: int) -> list[str]:
    return [line for line in page[::step] if line.strip()][:DEEP]


def _form(line: str) -> str:
    """A line with its numbers alike."""
    return " ".join(_NUMBER.sub("#", line).casefold().split())


def _trimmed(page: list[str], tops: set[str], bottoms: set[str], seen: set[str]) -> list[str]:
    first, last = _kept_from(page, tops), len(page) - _kept_from(page[::-1], bottoms)
    if first >= last:
        return page  # nothing else stands on it
    kept: list[str] = []
    for at, line in enumerate(page):
        if first <= at < last:
            kept.append(line)
        elif _WORD.search(line) and _form(line) not in seen:
            seen.add(_form(line))
            kept.append(line)
    return kept


def _kept_from(page: Sequence[str], running: set[str]) -> int:
    """How many lines of an edge go."""
    gone = passed = 0
    for at, line in enumerate(page):
        if not line.strip():
            continue
        if passed == DEEP or _form(line) not in running:
            break
        passed += 1
        gone = at + 1
    return gone
