"""What a caller is told of an error: not where in the project it is, which may be an address or a path."""

from __future__ import annotations

from ragstone.errors import CheckFailed, RagstoneError

__all__ = ["CHECK_FAILED", "failed_checks", "worded"]

CHECK_FAILED = "check_failed"
"""The code of a request that a check has ended, in every shape of an error."""


def worded(error: RagstoneError) -> str:
    """What is wrong, what was expected and what was found, on one line without the hint."""
    facts = [f"{word} {fact}" for word, fact in (("expected", error.expected), ("found", error.found)) if fact]
    return ": ".join([error.message, ", ".join(facts)] if facts else [error.message])


def failed_checks(error: CheckFailed) -> list[dict[str, str]]:
    """Which checks have failed, where, and why."""
    return [
        {"check": verdict.check, "stage": verdict.stage, "where": verdict.where, "reason": verdict.reason}
        for verdict in error.verdicts
        if not verdict.passed
    ]
