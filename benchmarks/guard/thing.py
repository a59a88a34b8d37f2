"""One thing that is held to its speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

__all__ = ["Round", "Sides", "Thing", "spent"]

Round: TypeAlias = Callable[[], float]
"""Does the work once, and returns the seconds of the processor that it took."""

Sides: TypeAlias = tuple[Round, Round]
"""Ours and the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What is measured, and beside what. `sides` makes both in an empty folder and takes them down again.

    A repeat is `pairs` rounds of each, in turn. `packages` are those that the reference rests on.
    """

    name: str
    reference: str
    packages: tuple[str, ...]
    pairs: int
    sides: Callable[[Path], AbstractContextManager[Sides]]


def spent(work: Callable[[], object]) -> float:
    """Seconds that all threads of this process computed meanwhile: waiting for a busy machine is none of them."""
    begun = time.process_time()
    work()
    return time.process_time() - begun
