"""What a row of the benchmarks is made of: what was run, whose sides stand beside each other, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Measure", "Row", "Side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a side, such as Measure(name="chunks a second", unit="1/s", better="higher")."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of those that stand beside each other.

    `command` follows the Python of `environment`. As its last line it prints a JSON object with a number for each
    measure, or with null for what it does not have, and, if it likes, "notes": [text, …].
    """

    name: str
    environment: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one name after `make bench ROW=` runs.

    The first measure decides whether the first of our sides is ahead of the best peer. `needs` names what a machine may
    lack, of `running.MISSING`. A quick run leaves out a row whose `quick` is 0. The sides of a row that measures no
    time may run `together`, as many at once as there are cores. `behind` says why a peer wins, and is shown only where
    one does.
    """

    name: str
    title: str
    what: str
    measures: tuple[Measure, ...]
    sides: tuple[Side, ...]
    repeats: int = 3
    quick: int = 1
    together: bool = False
    needs: tuple[str, ...] = ()
    behind: str = ""
