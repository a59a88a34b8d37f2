"""BM25 as a dot product.

Each term has a dimension of its own. A chunk's weight in it is tf·(k1 + 1) / (tf + k1·(1 − b + b·len / L)), where tf is
how often the chunk has the term and len how many terms it has; the question's is how often the question has it; and
Qdrant multiplies by the inverse document frequency, ln(1 + (N − n + ½) / (n + ½)), when it is asked (its modifier
"idf"): N and n are counted anew for each query. So every score is a sum over the question's words, as BM25's is.

Two things differ from an index that keeps the terms themselves:

- L stands where BM25 has the mean length of all chunks. A weight is written once, with its chunk, and the mean moves
  with every chunk, so L is a constant, between what short sections and full chunks of 200 tokens have. That is BM25 to
  the letter, with other parameters: where the true mean is m, the ranking is that of k1' = k1·(1 − b + b·m / L) and
  b' = b·m / (L·(1 − b) + b·m), which for chunks of half the length L are .75 and .6.
- A dimension is a number of 32 bits, made of the term by a hash. Two terms that share one count as one term: where an
  index holds V different terms, that befalls a term with the odds V / 2³², which is one in 43,000 for 100,000 terms.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

__all__ = ["LENGTH", "asked", "written"]

K1, B = 1.2, 0.75  # Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), as Lucene sets them
LENGTH = 120  # terms of a chunk; another value makes every index another one


def written(terms: Sequence[str]) -> dict[int, float]:
    """A chunk's weight in each dimension that it has terms in."""
    norm = K1 * (1 - B + B * len(terms) / LENGTH)
    return {at: count * (K1 + 1) / (count + norm) for at, count in _counted(terms).items()}


def asked(terms: Sequence[str]) -> dict[int, float]:
    """A question's weight in each dimension. A term that is given twice counts twice."""
    return {at: float(count) for at, count in _counted(terms).items()}


def _counted(terms: Sequence[str]) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for term, count in Counter(terms).items():
        counts[_dimension(term)] += count
    return dict(sorted(counts.items()))


def _dimension(term: str) -> int:
    digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big")
