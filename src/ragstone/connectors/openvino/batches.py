"""Which rows are run together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Batch", "batches"]

# OpenVINO keeps what it prepared for every shape of input that it has met: with free shapes one process grew to 4.5 GB.
# Widths in steps and row counts that are powers of two leave a few dozen.
STEP = 32  # tokens
SHORT, STEP_OF_SHORT = 64, 8
"""Of one row alone that has no more tokens. Most questions have 10 to 30: padding would be a third of the work."""
MOST_ROWS = 16
MOST_TOKENS = 1024  # in one batch, padding included; more is no faster and takes memory in every stream


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
    step = STEP_OF_SHORT if len(lengths) == 1 and lengths[0] <= SHORT else STEP
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        width = -(-lengths[order[start]] // step) * step
        room = max(1, min(len(order) - start, MOST_ROWS, MOST_TOKENS // width))
        size = 1 << (room.bit_length() - 1)  # the largest power of two that fits
        yield Batch(tuple(order[start : start + size]), width)
        start += size
