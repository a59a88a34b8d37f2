"""Writes a value as broken JSON, in the ways in which models break it, and says what may be read of it."""

from __future__ import annotations

import json
import random
from typing import Any

FAULTS = (
    "trailing commas",
    "missing commas",
    "single quotes",
    "typographic quotes",
    "Python words",
    "comments",
    "line breaks",
    "bare names",
    "quotes inside",
    "fence",
    "words around",
    "cut",
)
"""The ways in which `broken` can break."""

CONTRADICT = ({"single quotes", "typographic quotes"}, {"quotes inside", "single quotes"})
WORDS = ("halibut", "the", "ships", "Ana", "don't", "3.5", "東京", "naïve", "a/b", "50%", "e.g.", "(see", "below)", "é")
NAMES = ("name", "kind", "year", "is_open", "notes", "items", "price_eur", "id2", "lead")
REMARKS = ("// both", "/* see [1] */", "# as in the list")


def value(chance: random.Random, *, quotes: bool = False, breaks: bool = False, depth: int = 0) -> dict[str, Any]:
    """An object as models are asked for; `quotes` and `breaks` stand in its texts."""

    def text() -> str:
        words = [chance.choice(WORDS) for _ in range(chance.randint(1, 8))]
        if quotes and len(words) > 2:
            place = chance.randrange(1, len(words) - 1)
            words[place] = f'"{words[place]}"'
        return ("\n" if breaks and chance.random() < 0.5 else " ").join(words)

    def one(level: int) -> Any:
        kind = chance.choice(("text", "text", "number", "word", *(("list", "object") if level < 3 else ())))
        if kind == "text":
            return text()
        if kind == "number":
            return chance.choice((0, 7, -12, 3.25, 2031, 1e-3, 10**12))
        if kind == "word":
            return chance.choice((True, False, None))
        if kind == "list":
            return [one(level + 1) for _ in range(chance.randint(0, 4))]
        return value(chance, quotes=quotes, breaks=breaks, depth=level + 1)

    names = chance.sample(NAMES, chance.randint(1 if depth else 2, 5))
    return {name: one(depth) for name in names}


def broken(given: Any, faults: set[str], chance: random.Random) -> str:
    """The value as JSON with each of these faults, where there is a place for it."""
    text = _Writer(faults, chance).written(given, 0)
    if "cut" in faults:
        text = text[: chance.randrange(len(text) // 3, len(text))]
    if "words around" in faults:
        text = f"Here is what you asked for:\n\n{text}" + ("" if "cut" in faults else "\n\nTell me if it is wrong.")
    if "fence" in faults:
        text = f"```json\n{text}\n```" if "words around" not in faults else f"```json\n{text}"
    return text


class _Writer:
    def __init__(self, faults: set[str], chance: random.Random) -> None:
        self.faults, self.chance = faults, chance
        self.indent = chance.choice((None, 2))
        self.missed = False

    def has(self, fault: str) -> bool:
        return fault in self.faults

    def written(self, given: Any, depth: int) -> str:
        if isinstance(given, dict):
            members = [f"{self.name(name)}: {self.written(each, depth + 1)}" for name, each in given.items()]
            return self.joined(members, "{}", depth)
        if isinstance(given, list):
            return self.joined([self.written(each, depth + 1) for each in given], "[]", depth)
        if isinstance(given, str):
            return self.text(given)
        return (
            repr(given)
            if (self.has("Python words") and not isinstance(given, int | float | str))
            or (self.has("Python words") and isinstance(given, bool))
            else json.dumps(given)
        )

    def joined(self, parts: list[str], brackets: str, depth: int) -> str:
        if not parts:
            return brackets
        inner = "\n" + " " * self.indent * (depth + 1) if self.indent else " "
        outer = "\n" + " " * self.indent * depth if self.indent else ""
        made = brackets[0] + (inner if self.indent else "")
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            comma = "" if last else ","
            if not last and self.has("missing commas") and (self.indent or not self.has("bare names")):
                comma = self.chance.choice(("", ","))
            if last and self.has("trailing commas"):
                comma = ","
            remark = ""
            if self.has("comments") and self.indent and self.chance.random() < 0.3:
                remark = " " + self.chance.choice(REMARKS)
            made += part + comma + remark + (outer if last else inner)
        return made + brackets[1]

    def name(self, name: str) -> str:
        return name if self.has("bare names") else self.quoted(name)

    def text(self, given: str) -> str:
        return self.quoted(given)

    def quoted(self, given: str) -> str:
        said = json.dumps(given, ensure_ascii=self.chance.random() < 0.3)[1:-1]
        if self.has("line breaks"):
            said = said.replace("\\n", "\n")
        if self.has("single quotes"):
            said = said.replace('\\"', '"')
            return f"'{said}'"  # its own apostrophes stay as they are
        if self.has("typographic quotes"):
            return f"“{said}”"
        return f'"{said.replace(chr(92) + chr(34), chr(34))}"' if self.has("quotes inside") else f'"{said}"'


def begins(found: Any, given: Any) -> bool:
    """Whether `found` is the beginning of a value: nothing in it differs, and only the end is left out."""
    if isinstance(given, dict) and isinstance(found, dict):
        names, known = list(found), list(given)
        if names != known[: len(names)] or any(found[name] != given[name] for name in names[:-1]):
            return False
        return not names or found[names[-1]] == given[names[-1]] or begins(found[names[-1]], given[names[-1]])
    if isinstance(given, list) and isinstance(found, list):
        if len(found) > len(given) or found[:-1] != given[: max(0, len(found) - 1)]:
            return False
        return not found or found[-1] == given[len(found) - 1] or begins(found[-1], given[len(found) - 1])
    if isinstance(given, str) and isinstance(found, str):
        return given.startswith(found)
    return type(given) is type(found) and given == found


def right(found: Any, given: Any, faults: set[str]) -> bool:
    """Whether what was read of a broken value is right: all of it, or of one that was cut off, its beginning."""
    return begins(found, given) if "cut" in faults else json.dumps(found) == json.dumps(given)


def contradict(faults: set[str]) -> bool:
    """Whether two of these cannot stand side by side."""
    return any(pair <= faults for pair in CONTRADICT)
