"""Says once a minute what does not work, since requests go on without it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["warn"]

log = logging.getLogger("ragstone")

SAID = 60.0  # seconds between two warnings about the same
INSTEAD = "questions are answered as if none had been asked before"

_last: dict[str, float] = {}


def warn(what: str, error: Exception, *, instead: str = INSTEAD, clock: Callable[[], float] = time.monotonic) -> None:
    """Logs an error that no request may fail for, and what is done instead."""
    now = clock()
    if now - _last.get(what, float("-inf")) >= SAID:
        _last[what] = now
        log.warning("%s: %s; %s", what, str(error) or type(error).__name__, instead)
