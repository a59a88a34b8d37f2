"""Which files of a project's state nothing makes again."""

from __future__ import annotations

from pathlib import Path

__all__ = ["KEPT", "databases", "files"]

DERIVED = {"answers.db", "cache.db", "replies.db", "tokens.db", "traces.db"}
"""What may be deleted at any time. Another database is taken to be precious, also one that is not known here."""

KEPT = ("evals",)
"""Folders of plain files, each written whole."""

MAGIC = b"SQLite format 3\0"


def databases(folder: Path) -> list[Path]:
    """The databases that are precious: documents, keys, conversations, the ledger, feedback."""
    found = (path for path in folder.glob("*.db") if path.name not in DERIVED and path.is_file())
    return sorted(path for path in found if _is_database(path))


def files(folder: Path) -> list[Path]:
    """The other files that are precious: the kept runs of suites."""
    found = (path for name in KEPT for path in (folder / name).rglob("*"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
