"""In which language an answer is.

- language: {expected: same, on_fail: reask}     # that of the question
- language: {expected: de}
"""

from __future__ import annotations

import re
from typing import ClassVar

from ragstone.errors import ConfigError, nearest
from ragstone.protocols import Check
from ragstone.text.language import LANGUAGES, UNKNOWN, detect
from ragstone.types import Context
from ragstone.validation.apart import apart
from ragstone.verdicts import PASSED, Finding, Stage, Subject

__all__ = ["LanguageCheck"]

SAME = "same"
SHORTEST = 24
"""Letters of a text that is judged; a Chinese character, which says more, counts as three. Not fitted."""

_CODE = re.compile(r"(?ms)^[ \t]*(```+|~~~+).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)|`[^`\n]*`")
_LINK = re.compile(r"(?:https?://|www\.)\S+|[^\s@]{1,64}@\S+|\[\d+\]")
_LETTERS = re.compile(r"[^\W\d_]")
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Signs of which one is a syllable or a word."""


class LanguageCheck(Check):
    """The text is in the `expected` language (ISO 639-1), or in that of the question (`same`).

    Code, addresses and short texts say nothing of a language, and pass. So does what its parts disagree on, and an
    answer to a question whose own language is not sure.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")

    def __init__(self, *, expected: str = SAME) -> None:
        if expected != SAME and expected not in LANGUAGES:
            raise ConfigError(
                "expected: this language is not told from others here",
                expected=f"{SAME}, or one of {', '.join(sorted(LANGUAGES))}",
                found=expected,
                hint=nearest(expected, [SAME, *LANGUAGES]),
            )
        self.expected = expected

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that is surely in another language."""
        found = await apart(len(subject.text), lambda: _sure(subject.text))
        if found == UNKNOWN:
            return PASSED
        expected = self.expected if self.expected != SAME else _asked(subject.question, found)
        if expected in (UNKNOWN, found):
            return PASSED
        return Finding(passed=False, reason=f"it is in the language {found!r}, and should be in {expected!r}")


def _sure(text: str) -> str:
    """The language of the prose of a text, where both halves of it are in the same one."""
    prose = _LINK.sub(" ", _CODE.sub(" ", text))
    if _weight(prose) < SHORTEST:
        return UNKNOWN
    words = prose.split()
    middle = len(words) // 2
    halves = (
        (" ".join(words[:middle]), " ".join(words[middle:]))
        if middle > 1
        else (prose[: len(prose) // 2], prose[len(prose) // 2 :])
    )
    found = {detect(prose), *map(detect, halves)}
    return found.pop() if len(found) == 1 else UNKNOWN


def _asked(question: str, found: str) -> str:
    """The language of a question, unless it could as well be the one that its answer is in."""
    prose = _LINK.sub(" ", _CODE.sub(" ", question))
    if _weight(prose) < SHORTEST // 2:
        return UNKNOWN
    own = detect(prose)
    return own if own == detect(prose, among={found: 20, own: 1}) else UNKNOWN


def _weight(text: str) -> int:
    return len(_LETTERS.findall(text)) + 2 * len(_DENSE.findall(text))
