"""Which day it is, for budgets: a clock that is put forward or back does not begin another one at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Calendar"]

SLACK = 120.0  # seconds that two clocks may differ by between two looks at them
LASTING = 3_600.0  # seconds after which a clock that was put is believed


def _steady() -> float:
    """Seconds that nobody can set, and that go on while the machine sleeps, where the system counts such."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Calendar:
    """Days of UTC. The first look believes the clock; a jump is believed once it has lasted for an hour.

    So a budget is not renewed by a clock that is put forward by mistake, nor does yesterday's count again. `wall` and
    `steady` give seconds: since the epoch, and since some moment.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()
        self._odd: tuple[float, float] | None = None  # the offset of a clock that has jumped, and when it was met first

    def today(self) -> str:
        """The day, as `2026-11-21`."""
        steady = self._steady()
        offset = self._wall() - steady
        if abs(offset - self._offset) <= SLACK:
            self._offset, self._odd = offset, None
        elif self._odd is None or abs(offset - self._odd[0]) > SLACK:
            self._odd = offset, steady
        elif steady - self._odd[1] >= LASTING:
            self._offset, self._odd = offset, None
        return datetime.fromtimestamp(steady + self._offset, UTC).date().isoformat()
