"""What connectors give back that is no document, no chunk and no answer."""

from __future__ import annotations

from dataclasses import dataclass

from ragstone.types import Hit

__all__ = ["Load", "Observation", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a lookup found. `url` is where, without what may be secret; `status` and `size` are the server's."""

    text: str
    url: str
    status: int = 200
    size: int = 0  # bytes that came


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a tool found. `hits` are passages among it: they are numbered and can be cited as those of a prompt are.

    `cut` are the characters that were taken off the end of its text.
    """

    text: str = ""
    hits: tuple[Hit, ...] = ()
    cut: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy a server is: the requests that it works at, and those that wait.

    `memory` is the share of its KV cache that is taken, in [0, 1].
    """

    running: int
    waiting: int
    memory: float = 0.0
