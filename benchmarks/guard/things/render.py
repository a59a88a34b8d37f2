"""The request that `answer.prompty` makes of a question and five passages, beside the same words by plain Jinja.

The reference also looks for the special tokens of models in each passage and estimates the tokens of what it made with
numpy, as ours does: nobody sends a prompt without either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guard.thing import Sides, Thing, spent

__all__ = ["THING"]

TEMPLATE = """{{ instructions }}

{% for passage in passages %}[{{ loop.index }}] harbour.md
<<<8cb9a86b
{{ passage }}
8cb9a86b>>>

{% endfor %}Question: {{ question }}
"""
SPECIAL = re.compile(r"<\|\w+\|>|</?s>|\[/?INST\]", re.IGNORECASE)
CODE = re.compile(r"[A-Za-z0-9+/]{128,}")
TIMES, ALIKE = 2, 6  # of ours and of the reference in a round: about as long


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    from jinja2 import Environment

    from guard.things.passages import PASSAGES, QUESTION, answer_file, built

    file = answer_file()
    instructions = built(file).messages[0].content
    template = Environment(autoescape=False).from_string(TEMPLATE)

    def ours() -> None:
        for _ in range(TIMES):
            built(file)

    def reference() -> None:
        for _ in range(ALIKE):
            passages = [SPECIAL.sub("", passage) for passage in PASSAGES]
            tokens(template.render(instructions=instructions, passages=passages, question=QUESTION))

    yield (lambda: spent(ours)), (lambda: spent(reference))


def tokens(said: str) -> float:
    """About as many as there are words and marks, and more of words that are long."""
    import numpy as np

    codes = np.frombuffer(said.encode("utf-32-le"), dtype="<u4")
    letters = (codes | 32) - 97 < 26
    begins = np.flatnonzero(np.concatenate([[True], letters[1:] != letters[:-1]]))
    lengths = np.diff(np.concatenate([begins, [len(codes)]]))
    words = lengths[letters[begins]]
    marks = np.count_nonzero(~letters & (codes != 32))
    return len(words) + float(np.maximum(words - 7, 0).sum()) / 3 + int(marks) + sum(map(len, CODE.findall(said)))


THING = Thing(name="render", reference="Jinja alone", packages=("jinja2", "numpy"), pairs=80, sides=sides)
