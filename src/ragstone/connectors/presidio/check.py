"""Finds personal data with Presidio."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ragstone.errors import ConfigError, nearest
from ragstone.protocols import Check
from ragstone.text.personal.finding import apart
from ragstone.text.personal.masks import finding
from ragstone.text.personal.spans import ABOUT, IDENTIFYING, Span
from ragstone.types import Context
from ragstone.verdicts import Finding, Stage, Subject

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

__all__ = ["PresidioCheck"]

if importlib.util.find_spec("presidio_analyzer") is None:
    raise ModuleNotFoundError("No module named 'presidio_analyzer'", name="presidio_analyzer")

THEIRS = ("CRYPTO", "MEDICAL_LICENSE", "MAC_ADDRESS")
NAMED = ("PERSON", "LOCATION", "ORGANIZATION", "NRP")


def _installed(names: str) -> bool:
    """Whether there is such a package or folder; what it can do is seen when it is loaded."""
    return Path(names).is_dir() or (names.isidentifier() and importlib.util.find_spec(names) is not None)


class PresidioCheck(Check):
    """A text without personal data: what Presidio's patterns find, and ours in place of those that are weaker.

    **Without `names` it finds no names** of people, places or companies, for Presidio has these from a language model.
    `names` is a spaCy pipeline, installed or a folder: `en_core_web_sm`. `types` are those that are looked for: the
    ones that identify somebody, with the names where there is such a model, `all`, or a list. What is less sure than
    `threshold` counts as nothing. A fix puts a mask such as `<EMAIL_ADDRESS>` in the place of each.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("input", "passage", "output")
    fixes = True
    personal = True

    def __init__(
        self,
        *,
        names: str | None = None,
        types: list[str] | Literal["identifying", "all"] = "identifying",
        threshold: float = 0.0,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ConfigError("threshold is out of range", expected="0 to 1", found=str(threshold))
        named = NAMED if names is not None else ()
        known = tuple(dict.fromkeys((*IDENTIFYING, *THEIRS, *ABOUT, *named)))
        if not types:
            raise ConfigError("types is empty: nothing would be found", expected="identifying, all, or a list of types")
        if names is not None and not _installed(names):
            raise ConfigError(
                "names is no spaCy pipeline that is installed, and no folder",
                found=names,
                hint=f"Run: python -m spacy download {names}",
            )
        sets = {"identifying": (*IDENTIFYING, *THEIRS, *(name for name in named if name != "NRP")), "all": known}
        self.types = sets[types] if isinstance(types, str) else tuple(types)
        for name in self.types:
            if name not in known:
                hint = "It takes a language model: write `names: en_core_web_sm`." if name in NAMED else None
                hint = hint or nearest(name, known)
                raise ConfigError(f"unknown type {name!r}", expected="of " + ", ".join(known), found=name, hint=hint)
        self.names, self.threshold = names, threshold
        self._analyzer: AnalyzerEngine | None = None
        self._lock = threading.Lock()  # a pipeline is asked by one thread at a time

    async def load(self) -> None:
        """Reads the patterns and the language model. Raises NotConfigured where that is not installed."""
        await asyncio.to_thread(self._ready)

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that holds any. Raises NotConfigured."""
        return finding(subject.text, await asyncio.to_thread(self.spans, subject.text))

    def spans(self, text: str) -> list[Span]:
        """The personal data in a text, in order, none of it overlapping. It blocks."""
        from ragstone.connectors.presidio.engine import LANGUAGE

        with self._lock:
            analyzer = self._ready_locked()
            found = analyzer.analyze(text, LANGUAGE, entities=[*self.types], score_threshold=self.threshold)
        return apart(
            Span(one.start, one.end, one.entity_type, min(1.0, one.score)) for one in found if one.end > one.start
        )

    def _ready(self) -> None:
        with self._lock:
            self._ready_locked()

    def _ready_locked(self) -> AnalyzerEngine:
        if self._analyzer is None:
            from ragstone.connectors.presidio.engine import analyzer, pipeline

            self._analyzer = analyzer(pipeline(self.names), names=self.names is not None)
        return self._analyzer
