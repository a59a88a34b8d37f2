"""The grade that the prompt file `judge` makes a model give."""

from __future__ import annotations

import re

__all__ = ["GOOD", "JUDGE", "grade_in"]

JUDGE = "judge"
"""The prompt file that grades a reply."""

GOOD = 4
"""The grade, of 1 to 5, that is asked for where nothing else is said."""

_GRADE = re.compile(r"(?<![\d.,])([1-5])(?:\s*/\s*5)?\W*$")


def grade_in(text: str) -> int | None:
    r"""The grade from 1 to 5 that ends a judge's words; None where there is none.

    >>> grade_in("It names the day, and not the place.\nGrade: 3")
    3
    """
    found = _GRADE.search(text.strip().rpartition("\n")[2])
    return int(found[1]) if found else None
