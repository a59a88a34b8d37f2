"""How long a text may be."""

from __future__ import annotations

from typing import ClassVar, Literal

from ragstone.errors import ConfigError
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.verdicts import PASSED, Finding, Flaw, Stage, Subject

__all__ = ["LengthCheck"]


class LengthCheck(Check):
    """A text of at least `least` and at most `most` characters or words. A fix cuts off what is too much."""

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")
    fixes = True

    def __init__(
        self, *, most: int | None = None, least: int = 0, unit: Literal["characters", "words"] = "characters"
    ) -> None:
        if most is None and not least:
            raise ConfigError("length: nothing is limited", expected="`most`, `least`, or both")
        if most is not None and most < max(1, least):
            raise ConfigError("most is out of range", expected=f"{max(1, least)} or more", found=str(most))
        self.most, self.least, self.unit = most, least, unit

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that is too long or too short."""
        words = subject.text.split() if self.unit == "words" else ()
        length = len(words) if self.unit == "words" else len(subject.text)
        if length < self.least:
            return Finding(passed=False, reason=f"it has {length:,} {self.unit}, and should have {self.least:,}")
        if self.most is None or length <= self.most:
            return PASSED
        cut = self.most
        if self.unit == "words":
            cut = 0
            for word in words[: self.most]:
                cut = subject.text.index(word, cut) + len(word)
        reason = f"it has {length:,} {self.unit}, and may have {self.most:,}"
        flaw = Flaw(cut, len(subject.text), reason, "too long")
        return Finding(passed=False, reason=reason, flaws=(flaw,), fixed=subject.text[:cut])
