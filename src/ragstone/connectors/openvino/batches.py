"""Which texts are run together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Batch", "batches"]

# OpenVINO keeps what it prepared for every input shape it has met: with free shapes one process grew to 4.5 GB. Lengths
# in steps and sizes that halve leave a few dozen shapes.
STEP = 32  # tokens
SIZES = (8, 4, 2, 1)  # rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are run together, by their numbers, each padded to `width` tokens."""

    rows: tuple[int, ...]
    width: int


def batches(lengths: Sequence[int]) -> Iterator[Batch]:
    """Puts rows of similar length together, longest first, so that little of a batch is padding.

    >>> list(batches([5, 40, 3]))
    [Batch(rows=(1, 0), width=64), Batch(rows=(2,), width=32)]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    for size in SIZES:
        while len(order) - start >= size:
            rows = tuple(order[start : start + size])
            yield Batch(rows, -(-lengths[rows[0]] // STEP) * STEP)
            start += size
