"""Files that people write by hand, one JSON object a line: each object with its place, or what is wrong there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias, cast

from ragstone.errors import UsageError

__all__ = ["Placed", "read_objects"]

Placed: TypeAlias = tuple[dict[str, Any], str]
"""An object, and where it stands: file and line."""

SHOWN = 60  # bytes of a line that an error tells


def read_objects(path: Path, *, noun: str, like: str) -> list[Placed]:
    """The objects of a file; empty lines are let alone. `noun` is what each is, `like` shows one.

    Raises UsageError, with file and line, for what is no object, and for a file without any.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except FileNotFoundError:
        raise UsageError("there is no such file", where=str(path), expected=f"lines such as {like}") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    places = [(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not places:
        raise UsageError(f"there is no {noun}", where=str(path), expected=f"lines such as {like}")
    return [(_object(line, where, noun, like), where) for line, where in places]


def _object(line: bytes, where: str, noun: str, like: str) -> dict[str, Any]:
    try:
        row: object = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("is not UTF-8", where=where, expected=like) from None
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UsageError(f"is no {noun}", where=where, expected=like, found=repr(line[:SHOWN])[1:])
    return cast("dict[str, Any]", row)
