"""Completions as they are kept: JSON that begins with the number of its format. What reads odd is not there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ragstone.types import Completion
from ragstone.usage import NANO, Usage, count, summed

__all__ = ["LARGEST", "Kept", "read", "written"]

FORMAT = 1
LARGEST = 1_000_000  # bytes of an entry
MOST_SPENT = 1 << 53  # billionths of a dollar; JSON's numbers are exact up to here


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a model said to a request. It took so many `seconds`, tokens and billionths of a dollar to be made."""

    completions: tuple[Completion, ...]
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    nano: int = 0


def written(
    completions: Sequence[Completion], *, seconds: float, tags: Sequence[str] = (), rests: Sequence[object] = ()
) -> bytes:
    """The completions as one entry, without what their calls have used, but for the sum of it.

    `tags` and `rests` are what they rest on: no request reads them, but who asks for an entry is shown them.
    """
    usage = summed(completion.usage for completion in completions)
    told = {
        "format": FORMAT,
        "completions": [{name: getattr(each, name) for name in _FIELDS} for each in completions],
        "seconds": seconds,
        "tags": tags,
        "rests": rests,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "nano": min(MOST_SPENT, max(0, round(sum(each.cost for each in completions) * NANO))),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def read(value: bytes, *, n: int) -> Kept | None:
    """The `n` completions of an entry, each `cached`; None for an entry of another format, or one that is damaged."""
    if len(value) > 2 * LARGEST:
        return None
    try:
        told: object = json.loads(value.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or cast("dict[str, Any]", told).get("format") != FORMAT:
        return None
    return _kept(cast("dict[str, Any]", told), n)


def _kept(told: Mapping[str, Any], n: int) -> Kept | None:
    given, seconds, nano = told.get("completions"), told.get("seconds"), told.get("nano")
    tokens = [count(told.get(name)) for name in ("input_tokens", "output_tokens")]
    if not isinstance(given, list) or not _amount(seconds) or not _amount(nano) or None in tokens:
        return None
    if cast("float", nano) > MOST_SPENT:
        return None
    found = [_completion(one) for one in cast("list[object]", given)]
    whole = [one for one in found if one is not None]
    if len(whole) != len(found) or len(whole) != n:
        return None
    usage = Usage(input_tokens=tokens[0] or 0, output_tokens=tokens[1] or 0)
    return Kept(completions=tuple(whole), seconds=cast("float", seconds), usage=usage, nano=int(cast("float", nano)))


def _completion(told: object) -> Completion | None:
    if not isinstance(told, dict):
        return None
    fields = cast("dict[str, Any]", told)
    if fields.keys() != _FIELDS.keys() or not all(fits(fields[name]) for name, fits in _FIELDS.items()):
        return None
    return Completion(**fields, cached=True)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    """Whether it is a finite number. An integer that is too large for a float was written by nobody."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _amount(value: object) -> bool:
    return _number(value) and cast("float", value) >= 0


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "text": _text,
    "model": _text,
    "finish_reason": _text,
    "abstained": lambda value: isinstance(value, bool),
    "notice": lambda value: value is None or _text(value),
    "structured": lambda value: value in (None, "schema", "json", "words"),
    "reasoning": _text,
    "confidence": lambda value: value is None or _number(value),
    "logprob": lambda value: value is None or _number(value),
    "calls": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
}
"""What of a completion is kept, and what each must be."""
