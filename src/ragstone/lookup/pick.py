"""A path into JSON, such as `items[0].status`: which part of a reply is wanted."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ragstone.errors import ConfigError, nearest

__all__ = ["Pick", "parse_pick", "picked"]

Pick = tuple[str | int, ...]

_STEP = re.compile(r"(?:^|(?<=[^.])\.)([^.\[\]\s]+)|\[(-?[0-9]{1,9})\]")
SHOWN = 10  # names in a message


def parse_pick(text: str) -> Pick:
    """The steps of a path. Raises ConfigError for what is none; an empty text has no steps.

    >>> parse_pick("items[0].status")
    ('items', 0, 'status')
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ConfigError("pick is no path", expected="such as status or items[0].status", found=repr(text))
        steps.append(found[1] if found[1] is not None else int(found[2]))
        at = found.end()
    return tuple(steps)


def picked(text: str, steps: Pick) -> str:
    """The part of a JSON text that the steps lead to, as a text; without steps the whole text.

    A text in it stands without quotes, null as nothing, all else as JSON. Raises ValueError that says what is missing.

    >>> picked('{"items": [{"status": "sent"}]}', ("items", 0, "status"))
    'sent'
    """
    if not steps:
        return text
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("is no JSON") from error
    before = ""
    for step in steps:
        value = _next(value, step, before or "its top")
        before += f"[{step}]" if isinstance(step, int) else f".{step}" if before else step
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _next(value: Any, step: str | int, before: str) -> Any:
    if isinstance(step, int):
        if not isinstance(value, list):
            raise ValueError(f"has no list at {before}")
        items = cast("list[Any]", value)
        if not -len(items) <= step < len(items):
            raise ValueError(f"has {len(items)} items at {before}, and no [{step}]")
        return items[step]
    if not isinstance(value, dict):
        raise ValueError(f"has no names at {before}")
    names = cast("dict[str, Any]", value)
    if step not in names:
        there = ", ".join(list(names)[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        raise ValueError(
            " ".join(filter(None, (f"has no {step!r} at {before}, only {there or 'nothing'}.", nearest(step, names))))
        )
    return names[step]
