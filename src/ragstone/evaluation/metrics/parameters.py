"""What stands behind the `@` of a metric's name: `ndcg@10`, `latency@95`, `passed@injection`."""

from __future__ import annotations

from ragstone.errors import UsageError

__all__ = ["MOST_DEEP", "depth_of", "number_of", "parameter_of"]

MOST_DEEP = 1000  # passages or documents


def parameter_of(name: str) -> str:
    """What stands behind the `@`; "" for nothing.

    >>> parameter_of("passed@injection"), parameter_of("passed")
    ('injection', '')
    """
    return name.partition("@")[2]


def number_of(name: str, *, most: int, example: str) -> int:
    """The whole number behind the `@`, from 1 to `most`. Raises UsageError for anything else."""
    given = parameter_of(name)
    plain = given.isascii() and given.isdecimal() and not given.startswith("0")
    if not plain or not 1 <= int(given[:9]) <= most:
        expected = f"a whole number from 1 to {most} behind the @, as {example}"
        raise UsageError(f"the metric {name!r} says no such number", expected=expected, found=given or "nothing")
    return int(given)


def depth_of(name: str) -> int:
    """The K of `ndcg@K`. Raises UsageError for what is none."""
    return number_of(name, most=MOST_DEEP, example=f"{name.partition('@')[0]}@10")
