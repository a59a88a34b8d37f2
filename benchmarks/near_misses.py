"""Questions changed so that their answer is another, by plain operations on strings that know nothing of any veto."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

__all__ = ["CHANGES", "near_misses"]

AUXILIARIES = [
    "is",
    "are",
    "was",
    "were",
    "do",
    "does",
    "did",
    "can",
    "could",
    "should",
    "would",
    "will",
    "has",
    "have",
]
CONTRACTED = {"can": "can't", "will": "won't"}
UNITS = {
    "kg": "pounds", "pounds": "kg", "km": "miles", "miles": "km", "cm": "inches", "inches": "cm", "feet": "meters",
    "dollars": "euros", "USD": "EUR", "rupees": "dollars", "INR": "USD", "hours": "days", "days": "weeks",
    "weeks": "months", "months": "years", "years": "months", "minutes": "hours", "GB": "MB", "MB": "GB",
    "Celsius": "Fahrenheit", "lbs": "kg",
}  # fmt: skip
OPPOSITES = {
    "best": "worst", "more": "less", "before": "after", "with": "without", "increase": "decrease", "buy": "sell",
    "lose": "gain", "gain": "lose", "good": "bad", "most": "least", "high": "low", "old": "young", "start": "stop",
    "men": "women", "women": "men", "girls": "boys", "advantages": "disadvantages", "after": "before", "easy": "hard",
}  # fmt: skip
BETWEEN = (
    "How long does it take to get from {} to {}?",
    "What is the cheapest way to move from {} to {}?",
    "How do I convert {} to {}?",
    "How can I translate {} into {}?",
    "Is it hard to switch {} to {} these days?",
    "Why do people change {} into {}?",
)
ASKED = ("Who", "When", "Where", "Why", "How many", "How")


def near_misses(texts: Sequence[str], change: str, *, most: int, seed: int = 0) -> list[tuple[str, str]]:
    """At most so many questions, each with its changed twin."""
    lot = Random(seed)
    names = [word for text in texts for word in _inner_capitals(text)]
    shuffled = list(texts)
    lot.shuffle(shuffled)
    if change == "direction":  # few questions say from where to where: more are put about names of the corpus
        shuffled += [lot.choice(BETWEEN).format(lot.choice(names), lot.choice(names)) for _ in range(most)]
    made: list[tuple[str, str]] = []
    folded = "lower" in change
    for text in shuffled:
        changed = CHANGES[change](text, lot, names)
        if changed is not None and changed != text:
            made.append((text.casefold() if folded else text, changed))
        if len(made) == most:
            break
    return made


def _negation(text: str, lot: Random, _: Sequence[str]) -> str | None:
    words = text.split(" ")
    if len(words) < 4:
        return None
    denied = [
        at for at, word in enumerate(words) if word.casefold() in ("not", "never") or word.casefold().endswith("n't")
    ]
    if denied:  # taken away
        at = lot.choice(denied)
        rest = words[at][:-3] if words[at].casefold().endswith("n't") else ""
        words[at] = "can" if rest.casefold() == "ca" else "will" if rest.casefold() == "wo" else rest
        return " ".join(word for word in words if word)
    places = [at for at, word in enumerate(words) if word.casefold() in AUXILIARIES]
    kind = lot.choice(("not", "n't", "never", "anywhere"))
    if kind == "anywhere" or not places:
        words.insert(lot.randrange(1, len(words)), lot.choice(("not", "never")))
    elif kind == "n't":
        word = words[places[0]]
        words[places[0]] = CONTRACTED.get(word.casefold(), f"{word}n't")
    else:
        words.insert(min(places[0] + lot.choice((1, 2)), len(words) - 1), kind)
    return " ".join(words)


def _number(text: str, lot: Random, _: Sequence[str]) -> str | None:
    found = [*re.finditer(r"\d+", text)]
    if not found:
        return None
    chosen = lot.choice(found)
    value = int(chosen[0])
    other = value
    while other == value:
        other = max(0, value + lot.choice((-10, -2, -1, 1, 2, 5, 10, 100, value, 10 * value + 1)))
    return text[: chosen.start()] + str(other) + text[chosen.end() :]


def _name(text: str, lot: Random, names: Sequence[str]) -> str | None:
    own = _inner_capitals(text)
    if not own:
        return None
    word, other = lot.choice(own), lot.choice(names)
    return None if other.casefold() == word.casefold() else re.sub(rf"\b{re.escape(word)}\b", other, text, count=1)


def _unit(text: str, _: Random, __: Sequence[str]) -> str | None:
    found = next((unit for unit in UNITS if re.search(rf"\b{unit}\b", text)), None)
    return re.sub(rf"\b{found}\b", UNITS[found], text) if found else None


def _direction(text: str, lot: Random, names: Sequence[str]) -> str | None:
    for pattern in (r"\bfrom (\w+) to (\w+)\b", r"\b(?:convert|translate|change|switch) (\w+) (?:to|into) (\w+)\b"):
        found = re.search(pattern, text, re.IGNORECASE)
        if found and found[1].casefold() != found[2].casefold():
            (a, b), (c, d) = found.span(1), found.span(2)
            return text[:a] + found[2] + text[b:c] + found[1] + text[d:]
    return None


def _opposite(text: str, lot: Random, _: Sequence[str]) -> str | None:
    found = [word for word in OPPOSITES if re.search(rf"\b{word}\b", text)]
    chosen = lot.choice(found) if found else None
    return re.sub(rf"\b{chosen}\b", OPPOSITES[chosen], text, count=1) if chosen else None


def _question(text: str, lot: Random, _: Sequence[str]) -> str | None:
    found = next((word for word in ("How many", *ASKED) if text.startswith(f"{word} ")), None)
    if found is None:
        return None
    return lot.choice([word for word in ASKED if word.split()[0] != found.split()[0]]) + text[len(found) :]


def _inner_capitals(text: str) -> list[str]:
    """Capitalised words that open no sentence."""
    return [
        word
        for before, word in re.findall(r"(\S+) ([A-Z][A-Za-z]+)\b", text)
        if before[-1] not in ".?!:" and word not in ("I", "The", "A", "An", "What", "How", "Why", "Is", "Do", "Are")
    ]


def _lowered_name(text: str, lot: Random, names: Sequence[str]) -> str | None:
    changed = _name(text, lot, names)
    return changed and changed.casefold()


CHANGES: dict[str, Callable[[str, Random, Sequence[str]], str | None]] = {
    "negation": _negation,
    "number": _number,
    "name": _name,
    "name, lower case": _lowered_name,
    "unit": _unit,
    "direction": _direction,
    "opposite": _opposite,
    "question": _question,
}
