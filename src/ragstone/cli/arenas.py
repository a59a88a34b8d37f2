"""What keeps the memory of a process flat that lives for weeks and works in many threads.

glibc gives threads memory from up to eight arenas for each processor, and what is freed in one is of no use to another:
the process grows with the work that wanders from thread to thread, as ingestions do. With two arenas it stays flat, see
the table of memory under "Load" in BENCHMARKS.md. The source is mallopt(3), under M_ARENA_MAX.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_few"]

M_ARENA_MAX = -8
FEW = 2
OWN = "MALLOC_ARENA_MAX"


def keep_few() -> None:
    """Has glibc make no more than two arenas, unless its own variable says otherwise. It counts for those to come.

    Other C libraries have no such setting, and need none.
    """
    if OWN in os.environ:
        return
    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, FEW)
    except (AttributeError, OSError, TypeError):
        return
