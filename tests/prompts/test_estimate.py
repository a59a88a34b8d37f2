"""The estimate of tokens, which counts runs of characters at once, beside the same rules run by run."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from ragstone.prompts.estimate import estimated

PIECE = re.compile(
    r"(?P<word>[A-Z]?[a-z]+)|(?P<capitals>[A-Z]+)|(?P<digits>[0-9]+)|(?P<latin>[À-ɏ]+)"
    r"|(?P<ideograph>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])|(?P<marks>[!-/:-@\[-`{-~\u2500-\u257f]+)"
    r"|(?P<column> {2,}(?=[0-9]))|(?P<gap> {2,}(?!\s))|(?P<space> )|(?P<blank>\s+)|(?P<letter>\w)|(?P<other>.)",
    re.DOTALL,
)
COST: dict[str, Callable[[str], float]] = {
    "word": lambda word: 1 if len(word) <= 7 else 1 + (len(word) - 7) / 3,
    "capitals": lambda word: len(word) / 2.2,
    "digits": lambda number: -(-len(number) // 3) + 0.2,
    "latin": lambda letters: 1.1 * len(letters),
    "ideograph": lambda _: 1.2,
    "marks": lambda run: -(-len(run) // 2),
    "column": lambda _: 2,
    "gap": lambda _: 1,
    "space": lambda _: 0,
    "blank": lambda run: 0.9 + len(run) / 40,
    "letter": lambda letter: 1.0 if "\u0370" <= letter < "\u0400" or "\u0530" <= letter < "\u0700" else 0.65,
    "other": lambda mark: len(mark.encode("utf-8", "surrogatepass")) / 1.3,
}
RUNS = ["Word", "HTMLParser", "  ", "\n    ", " \n ", "2026", "_", "──", "é", "检索", "ß"]
TEXTS = st.lists(st.text(max_size=6) | st.sampled_from(RUNS), max_size=12).map("".join)


@given(TEXTS)
def test_runs_are_counted_as_one_by_one(text: str) -> None:
    slowly = sum(COST[match.lastgroup or "other"](match[0]) for match in PIECE.finditer(text))
    assert abs(estimated(text) - ceil(slowly)) <= (abs(slowly - round(slowly)) < 1e-6)


def test_base64_is_not_counted_as_words() -> None:
    text = b64encode(b"The harbour opens at six, and the boats come back before noon. " * 20).decode()
    pieces = [text[at : at + 100] for at in range(0, len(text), 100)]
    assert len(text) / 1.6 < estimated(text) < len(text) / 1.4
    assert estimated(text) > 1.2 * sum(map(estimated, pieces))


def test_what_stands_in_the_docstring() -> None:
    assert estimated("") == 0
    assert estimated("A chunk holds 200 tokens.") == 6
