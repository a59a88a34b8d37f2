"""The questions of a batch: from a program, or one on each line of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ragstone.errors import UsageError, nearest
from ragstone.pipelines.retrieve import check, check_k

__all__ = ["LONGEST", "BatchQuestion", "of_line", "question_of"]

LONGEST = 1 << 20
"""Bytes of a line. One that is longer is an error of its own, and is never held whole."""

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "id": ((str, int), "a text or a whole number"),
    "prompt": ((str,), "the name of a prompt file"),
    "inputs": ((dict,), "an object of values by name"),
    "where": ((dict,), 'an object, such as {"lang": "en"}'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuestion:
    """One question with what only it is asked with; what is None is that of the batch. `id` is given back with it."""

    question: str
    id: str | int | None = None
    prompt: str | None = None
    k: int | None = None
    where: Mapping[str, Any] | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


def question_of(given: object) -> BatchQuestion:
    """A question from a text, or from a mapping with the fields of a BatchQuestion. Raises UsageError.

    Other fields of a mapping are left alone, as data sets have them, but not one that is nearly one of ours.
    """
    if isinstance(given, BatchQuestion):
        check(given.question)
        return given
    if isinstance(given, str):
        check(given)
        return BatchQuestion(question=given)
    if not isinstance(given, Mapping):
        found = "nothing" if given is None else type(given).__name__
        raise UsageError("is no question", expected='a text, or an object such as {"question": "…"}', found=found)
    fields = {name: value for name, value in cast("Mapping[str, Any]", given).items() if value is not None}
    for name in fields.keys() - {*_KINDS, "question", "k"}:
        if hint := nearest(name, [*_KINDS, "question"]):
            raise UsageError(f"there is no field {name!r}", hint=hint)
    if "question" not in fields:
        raise UsageError("there is no question", expected='a field "question"')
    check(fields["question"])
    if "k" in fields:
        check_k(fields["k"])
    for name, (kinds, expected) in _KINDS.items():
        value = fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise UsageError(f"{name} is of another kind", expected=expected, found=type(value).__name__)
    return BatchQuestion(**{name: fields[name] for name in ("question", "k", *_KINDS) if name in fields})


def of_line(line: bytes) -> BatchQuestion:
    """The question on a line of JSON: a text, or an object. Raises UsageError."""
    if len(line) > LONGEST:
        raise UsageError("the line is too long", expected=f"at most {LONGEST:,} bytes")
    try:
        given = json.loads(line.decode())
    except UnicodeDecodeError:
        raise UsageError("the line is not UTF-8", hint="Save the file as UTF-8.") from None
    except RecursionError:
        raise UsageError("the line is no JSON: it nests too deeply") from None
    except json.JSONDecodeError as error:
        expected = 'a text in quotes, or an object such as {"question": "…"}'
        raise UsageError(f"the line is no JSON: {error.msg} (column {error.colno})", expected=expected) from None
    except ValueError:
        raise UsageError("the line holds a number that is too long") from None
    return question_of(given)
