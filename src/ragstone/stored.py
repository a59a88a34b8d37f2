"""What a cache is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Found", "Lease", "Stats", "Stored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes on their way into a cache. Without `seconds` they stay while there is room.

    `tags` say what they rest on (`document:…`, `prompt:…`), so that they are removed with it.
    """

    value: bytes
    seconds: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes from a cache, with when they were made and when their time is over, in seconds since the epoch."""

    value: bytes
    made: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make what a key stands for. `fence` is higher than that of every lease of this key before it."""

    key: bytes
    owner: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a cache holds, by room, and the figures that were counted, by name."""

    entries: Mapping[str, int] = field(default_factory=dict[str, int])
    size: Mapping[str, int] = field(default_factory=dict[str, int])  # bytes of the values
    figures: Mapping[str, int] = field(default_factory=dict[str, int])
