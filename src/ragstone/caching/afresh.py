"""Who asks a model anew behind a request: the same caller, but nobody who waits."""

from __future__ import annotations

from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["afresh"]


def afresh(asked: Context, name: str, *, seconds: float, budget: float | None = None) -> Context:
    """A context with a trace of that name and so many seconds. What is said under it takes the place of what is kept.

    The budget of a request is its own, unless it is given here.
    """
    return Context(
        tenant=asked.tenant,
        key=asked.key,
        principals=asked.principals,
        budget=budget,
        confidential=asked.confidential,
        unread=True,
        cache="refresh",
        trace=Trace(name),
    ).within(seconds)
