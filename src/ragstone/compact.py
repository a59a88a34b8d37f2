"""Token vectors in 64 bytes each, so that those of a whole corpus can be kept.

What all tokens have in common is taken away first: a network's last layer puts every token into one narrow cone, in
which cosines tell little (Ethayarajh 2019, arXiv 1909.00512). The rest is projected on the directions in which tokens
differ most, scaled to length 1 and rounded to int8.

The projection is fitted on words drawn from the embedder's own vocabulary, not on a corpus: so rows of one text are the
same whatever stands beside it, and nothing is made anew when documents come and go.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.types import Matrix

    Compact: TypeAlias = "NDArray[np.int8]"  # shape (tokens, at most WIDTH); each row is 127 times one of length 1

__all__ = ["SCALE", "WIDTH", "Projection", "fitted", "product", "sums"]

WIDTH = 64
"""Dimensions that are kept. With 48 nDCG@10 fell by a point; with 96, 128 or all 384 it did not rise."""

SCALE = 127


UNTHREADED = 200_000
"""Multiplications in one product of matrices. From 262,144 on OpenBLAS, which is numpy's, wakes threads of its own."""


def product(left: Matrix, right: Matrix) -> Matrix:
    """`left @ right`, in blocks of rows so small that each is computed at once.

    Beside a busy embedder the threads of BLAS wait for a core longer than they compute: with them the ingestion of five
    documents took twice as long.
    """
    import numpy as np

    rows = max(1, UNTHREADED // (right.shape[0] * right.shape[1] or 1))
    whole = len(left) // rows * rows
    blocks = np.matmul(left[:whole].reshape(-1, rows, left.shape[1]), right).reshape(whole, right.shape[1])
    return blocks if whole == len(left) else np.concatenate([blocks, left[whole:] @ right])


def sums(rows: Matrix, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows @ weights`, of numbers that are all finite.

    Of five columns a kernel of OpenBLAS (0.3.31, AVX-512) reads more memory than was written. The sums are right, but
    where a signalling NaN happens to lie there, numpy warns of an invalid value.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):
        return rows @ weights


@dataclass(frozen=True)
class Projection:
    """From an embedder's token vectors to compact rows: `mean` of shape (dimensions,), `basis` (dimensions, WIDTH)."""

    mean: Matrix
    basis: Matrix

    @cached_property
    def digest(self) -> str:
        """Another one for another projection: their rows are not to be compared."""
        said = hashlib.blake2b(self.mean.tobytes(), digest_size=16)
        said.update(self.basis.tobytes())
        return said.hexdigest()

    def rows(self, vectors: Matrix) -> Compact:
        """The compact rows of token vectors of shape (tokens, dimensions)."""
        import numpy as np

        kept = product(vectors - self.mean, self.basis)
        kept *= SCALE / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
        return np.rint(kept).astype(np.int8)


def fitted(vectors: Matrix) -> Projection:
    """The principal components of token vectors, shape (tokens, dimensions); fewer than WIDTH where there are fewer."""
    import numpy as np

    mean = vectors.mean(axis=0)
    moved = vectors - mean
    _, directions = np.linalg.eigh(moved.T @ moved)  # in rising order
    return Projection(mean.astype(np.float32), np.ascontiguousarray(directions[:, ::-1][:, :WIDTH], dtype=np.float32))
