"""Chooses examples for one request, the most valuable first.

`fixed` takes the first rows, `random` draws once by its seed, so both show the same ones for every question; `length`
takes what the budget leaves room for; `similar` and `mmr` compare the rows with the question by their vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ragstone.errors import EmbedderError, UsageError
from ragstone.prompts.examples import Example, ExampleSet, asked
from ragstone.protocols import Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["BY_VECTORS", "STATIC", "beginning", "chosen", "compared", "marginal"]

STATIC = ("fixed", "random")
"""Selectors that choose the same examples for every question."""

BY_VECTORS = ("similar", "mmr")
"""Selectors that need an embedder."""

WEIGHT = 0.5  # of mmr: how much it counts that an example is unlike those that were chosen before
LONGEST = 200  # tokens of a text that are compared: the beginning tells two tasks apart, and fits every window
CHARACTERS = 600  # of a text, where the embedder has no tokenizer


def chosen(of: ExampleSet) -> tuple[Example, ...]:
    """The examples that need no vectors. With `length` there are none yet: the builder takes those that fit."""
    if of.select == "random":
        return tuple(sorted(of.examples, key=lambda example: _draw(of.seed, example.id))[: of.k])
    if of.select == "length":
        return ()
    return of.examples[: of.k]


def _draw(seed: int, name: str) -> bytes:
    """A number drawn by lot, on every machine and in every version the same one."""
    return hashlib.blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


async def compared(
    of: ExampleSet, inputs: Mapping[str, object], *, embedder: Embedder, context: Context
) -> tuple[Example, ...]:
    """The k examples for these inputs by `similar` or `mmr`. The embedder's cache keeps the vectors of the rows.

    Raises UsageError for inputs without any text.
    """
    import numpy as np

    question = asked(inputs)
    if not question.strip():
        raise UsageError("there is nothing to compare the examples with", where=f"select: {of.select}")
    await embedder.load()
    texts = [beginning(example.asked, embedder) for example in of.examples]
    rows = np.asarray(await embedder.embed(texts, context=context))
    vector = np.asarray(await embedder.embed_query(beginning(question, embedder), context=context))
    if of.select == "mmr":
        return tuple(of.examples[place] for place in marginal(rows, vector, k=of.k))
    nearest = np.argsort(-(rows @ vector), kind="stable")[: of.k]
    return tuple(of.examples[int(place)] for place in nearest)


def beginning(text: str, embedder: Embedder) -> str:
    """As much of a text as is compared."""
    if len(text) <= LONGEST:  # hardly any token is shorter than a character
        return text
    try:
        _, ranges = embedder.tokens(text)
    except EmbedderError:  # it has no tokenizer
        return text[:CHARACTERS]
    return text[: ranges[LONGEST - 1][1]] if len(ranges) > LONGEST else text


def marginal(rows: Matrix, vector: Vector, *, k: int, weight: float = WEIGHT) -> list[int]:
    """The places of k rows by maximal marginal relevance (Carbonell and Goldstein 1998), the most similar one first.

    Each next one maximises (1 - weight) · its cosine with `vector` - weight · its highest cosine with a chosen one.
    """
    import numpy as np

    own = rows @ vector
    taken = [int(np.argmax(own))] if len(rows) else []
    nearest = np.full(len(rows), -1.0)
    while len(taken) < min(k, len(rows)):
        nearest = np.maximum(nearest, rows @ rows[taken[-1]])
        value = (1 - weight) * own - weight * nearest
        value[taken] = -np.inf
        taken.append(int(np.argmax(value)))
    return taken
