"""What can be read off a text without a model: its numbers, dates, names and negations, and what a question asks for.

    expected("When did Ana Ruiz join?", language="en")   →  "time"
    answers("She joined on 3 May 2031.", "time", ...)    →  True

Words are listed for the languages in `words.py`; digits, percent signs and capitals are read in any.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from typing import Literal, TypeAlias

from ragstone.text.words import MONTHS, NEGATIONS, NUMBERS, QUESTIONS

__all__ = ["Kind", "answers", "dates", "expected", "names", "negations", "numbers"]

Kind: TypeAlias = Literal["number", "time", "person", "place", "reason"]
"""What a question asks for, where its words tell."""
