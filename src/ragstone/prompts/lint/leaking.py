"""Whether the examples that a prompt shows a model are the tests that it is judged by.

Then a test says only that the model can copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ragstone.prompts.lint.finding import Fault
from ragstone.prompts.reading import Reading
from ragstone.prompts.template import plain
from ragstone.prompts.testing.cases import Case

__all__ = ["examples_leak_tests", "leaks", "likeness"]

WORDS = 8
"""The words of a run that counts as the same. GPT-3 (arXiv 2005.14165) took 13 of long texts, PaLM (2204.02311) 8."""

SHORTEST = 3  # words: two texts of fewer are the same by chance
ALIKE = 0.5  # of a test's runs of words, so many stand in an example

_SPACELESS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # no spaces between words: each letter counts
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+")


def examples_leak_tests(reading: Reading) -> Iterator[Fault]:
    """Examples that are nearly tests of the same prompt."""
    shown = reading.file.few_shot
    if shown is not None:
        yield from leaks(((example.where, example.asked) for example in shown.examples), reading.file.cases())


def leaks(examples: Iterable[tuple[str, str]], cases: Sequence[Case]) -> Iterator[Fault]:
    """An example that holds most of what a test asks. Each example is its place, and its inputs line by line."""
    asked = [(case, "\n".join(filter(None, map(plain, case.inputs.values())))) for case in cases]
    for where, text in examples:
        for case, question in asked:
            if likeness(question, text) >= ALIKE:
                yield Fault(
                    where,
                    f"this example is nearly the test {case.name!r}",
                    "Take another example, or give the test another question.",
                )


def likeness(test: str, example: str) -> float:
    """The share of a test's runs of words that stand in an example, from 0 to 1.

    A text that is shorter than one run must be the same as a whole.

    >>> likeness("How long is a chunk?", "how long is a chunk")
    1.0
    """
    asked, shown = _words(test), _words(example)
    if len(asked) < SHORTEST:
        return 0.0
    if len(asked) < WORDS or len(shown) < WORDS:
        return float(asked == shown)
    there = set(_runs(shown))
    runs = list(_runs(asked))
    return sum(run in there for run in runs) / len(runs)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1))
