"""Postgres' errors made ours, by SQLSTATE; a connection that fails has none, and says what happened in words alone."""

from __future__ import annotations

import psycopg

from ragstone.errors import RagstoneError, StateError, StorageFull, StoreUnavailable, UsageError

__all__ = ["MISSING", "passes", "translated"]

MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
"""What a question to a collection raises that nobody has written."""

_PASSING = frozenset({"40001", "40P01", "53300", "57P01", "57P02", "57P03"})
_UNAVAILABLE = ("53300", "57P01", "57P02", "57P03")
_NEEDS_RIGHTS = "Grant the user CREATE on the database, or let an administrator run: CREATE EXTENSION vector"


def passes(error: psycopg.Error) -> bool:
    """Whether the same call may succeed in a moment: the server restarts, or two transactions met."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError) and not _refused(error)
    return error.sqlstate.startswith("08") or error.sqlstate in _PASSING


def translated(error: psycopg.Error, label: str) -> RagstoneError:
    """Ours for what psycopg or the server raised. `label` names the database, without its password."""
    state = error.sqlstate or ""
    if (not state and isinstance(error, psycopg.OperationalError)) or state.startswith("08") or state in _UNAVAILABLE:
        if _refused(error):
            return StateError(
                f"the Postgres server refused: {_reason(error)}", where=label, hint="Look at `url` in its connector."
            )
        return StoreUnavailable(
            f"the Postgres server does not answer: {_reason(error)}",
            where=label,
            hint="Start it, or look at `url` in its connector.",
        )
    match state:
        case "53100":
            return StorageFull(
                "the disk of the Postgres server is full; what was written before is intact",
                where=label,
                hint="Free some space, and try again.",
            )
        case "42501":
            return StateError(f"the Postgres server refused: {_reason(error)}", where=label, hint=_NEEDS_RIGHTS)
        case "0A000" | "58P01" if "vector" in str(error):
            return StateError(
                "the Postgres server has no pgvector", where=label, hint="Install it there, in version 0.8 or later."
            )
        case "54000":
            return UsageError(f"too long for the index: {_reason(error)}", where=label)
        case "22000" | "22P02":
            return UsageError(f"the Postgres server takes no such value: {_reason(error)}", where=label)
        case _:
            return StateError(f"the Postgres server failed: {_reason(error)}", where=label, hint="Look into its log.")


def _refused(error: psycopg.Error) -> bool:
    """Whether a server answered that it lets nobody in: a wrong password, no such database."""
    words = str(error)
    waiting = ("starting up", "shutting down", "recovery", "too many clients", "remaining connection slots")
    return "FATAL" in words and not any(word in words for word in waiting)


def _reason(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]
