"""Labelled texts that a detector learns from: what is planted, where it is planted, and what people ask.

A file holds one JSON object a line: `{"text": "…"}`, and where wanted `"trust": "user"` or `"retrieved"`, and `"kind"`.
Attacks of the trust `retrieved` are sentences that are planted into texts of the other kind; those of the trust `user`
are whole prompts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

import numpy as np

from ragstone.errors import UsageError
from ragstone.validation.injection.features import Read

__all__ = ["Example", "Examples", "divided", "read_examples"]

LIKE = '{"text": "…", "trust": "retrieved"}'
ALIKE = 0.9  # the cosine from which two texts are on the same side


@dataclass(frozen=True, slots=True)
class Example:
    """A text, and its kind: each kind has the same weight, however many examples it has."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What is planted into contexts; and what is asked, as an attack or in good faith."""

    planted: Sequence[Example] = field(default=())
    contexts: Sequence[Example] = field(default=())
    jailbreaks: Sequence[Example] = field(default=())
    prompts: Sequence[Example] = field(default=())

    @property
    def texts(self) -> list[str]:
        """All of them, each once."""
        every = (*self.planted, *self.contexts, *self.jailbreaks, *self.prompts)
        return list(dict.fromkeys(example.text for example in every))

    def read(self, reads: Mapping[str, Read]) -> Examples:
        """Those that have words: what has none was not read."""
        return Examples(
            **{each.name: [one for one in getattr(self, each.name) if one.text in reads] for each in fields(self)}
        )


def read_examples(paths: Iterable[Path], *, trust: Literal["user", "retrieved"]) -> dict[str, list[Example]]:
    """The examples of these files by their trust, which is `trust` where a line has none. Raises UsageError."""
    found: dict[str, list[Example]] = {"user": [], "retrieved": []}
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")  # U+2028 ends no line of JSON
        except UnicodeDecodeError:
            raise UsageError("is no text in UTF-8", where=str(path)) from None
        except OSError as error:
            raise UsageError("cannot be read", where=str(path), found=error.strerror) from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                level, example = _example(line, f"{path}:{number}", trust)
                found[level].append(example)
    return found


def _example(line: str, where: str, trust: str) -> tuple[str, Example]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    row = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise UsageError("this line is no example", where=where, expected=LIKE, found=line[:80])
    level = row.get("trust", trust)
    if level not in ("user", "retrieved"):
        raise UsageError("trust is not known", where=where, expected="user or retrieved", found=str(level)[:40])
    return level, Example(text, str(row.get("kind", "")))


def divided(
    examples: Sequence[Example], reads: Mapping[str, Read], *, share: float, seed: int, alike: float = ALIKE
) -> tuple[list[Example], list[Example]]:
    """A part with this share of the examples, and the rest; near-duplicates are on one side."""
    groups = _groups(examples, reads, alike)
    order = sorted(set(groups))
    Random(seed).shuffle(order)  # noqa: S311 - the same choice again
    kept: list[Example] = []
    rest: list[Example] = []
    for group in order:
        some = [example for example, of in zip(examples, groups, strict=True) if of == group]
        side = kept if len(kept) + len(some) / 2 < share * len(examples) else rest
        side += some
    return kept, rest


def _groups(examples: Sequence[Example], reads: Mapping[str, Read], alike: float) -> list[int]:
    """For each example the first one that it is linked to by a chain of cosines of their mean vectors."""
    if not examples:
        return []
    means = np.stack([reads[example.text].vectors.mean(axis=0) for example in examples])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    first = list(range(len(examples)))

    def root(at: int) -> int:
        while first[at] != at:
            at = first[at]
        return at

    for at in range(1, len(examples)):
        for other in np.flatnonzero(means[:at] @ means[at] >= alike):
            one, two = sorted((root(at), root(int(other))))
            first[two] = one
    return [root(at) for at in range(len(examples))]
