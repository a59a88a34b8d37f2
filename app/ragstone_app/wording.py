"""What a caller is told of an error: not where in the project it is, which may be an address or a path."""

from __future__ import annotations

from ragstone.errors import RagstoneError

__all__ = ["worded"]


def worded(error: RagstoneError) -> str:
    """What is wrong, what was expected and what was found, on one line without the hint."""
    facts = [f"{word} {fact}" for word, fact in (("expected", error.expected), ("found", error.found)) if fact]
    return ": ".join([error.message, ", ".join(facts)] if facts else [error.message])
