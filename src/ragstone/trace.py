"""What happened during one request, in timed steps."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["Step", "StoredTrace", "Trace"]


@dataclass(slots=True)
class Step:
    """One timed step of a trace. Dotted names nest: `retrieve.dense` lies inside `retrieve`. `start` counts from 0."""

    name: str
    start: float
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None


@dataclass(slots=True)
class Trace:
    """What happened during one request, in steps. It only grows, and several stages may add to it at once.

    `user` is the person whose request it is, where somebody has said so.
    """

    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    started: float = field(default_factory=time.time)
    user: str = ""
    steps: list[Step] = field(default_factory=list[Step])
    _origin: float = field(default_factory=time.perf_counter, repr=False)

    @contextmanager
    def step(self, name: str, **facts: Any) -> Generator[Step]:
        """Times the block. Facts may be added to the step inside it; an exception is noted and passes through.

        >>> trace = Trace("ask")
        >>> with trace.step("retrieve", k=8) as step:
        ...     step.facts["found"] = 3
        >>> trace.steps[0].facts
        {'k': 8, 'found': 3}
        """
        begun = time.perf_counter()
        step = Step(name, begun - self._origin, facts=dict(facts))
        self.steps.append(step)
        try:
            yield step
        except BaseException as error:
            step.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.seconds = time.perf_counter() - begun

    def join(self, other: Trace) -> None:
        """Takes over the steps of another trace as if they had been noted here."""
        shift = other._origin - self._origin
        self.steps += [replace(step, start=step.start + shift) for step in other.steps]


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A trace as it was kept. `facts` are the question and the outcome; `started` counts from the epoch.

    `principals` are those of who asked; of the operator's own work there are none.
    """

    id: str
    name: str
    started: float
    seconds: float
    facts: Mapping[str, Any]
    steps: tuple[Step, ...]
    principals: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The trace as `ragstone trace show --json` prints it."""
        return asdict(self)
