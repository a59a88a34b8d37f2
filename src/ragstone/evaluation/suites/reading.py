"""Cases from files: JSON Lines, or a table (CSV) whose first row names the same fields.

    {"question": "When is first class allowed?", "expected": "above four hours", "relevant": "documents/travel.md"}

In a table the parts of a list stand in one cell, with ` | ` between them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ragstone.errors import UsageError, nearest
from ragstone.evaluation.cases import Case, Evidence

__all__ = ["FIELDS", "read_cases"]

MOST = 100_000
BETWEEN = "|"
OURS = {
    "answer": "expected",
    "answers": "expected",
    "expected_answer": "expected",
    "ground_truth": "expected",
    "reference": "expected",
    "query": "question",
    "input": "question",
    "user_input": "question",
    "uri": "relevant",
    "source": "relevant",
    "must_contain": "contains",
    "must_not_contain": "not_contains",
}
"""What other tools call a field, and we do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value  # pyright: ignore[reportUnknownVariableType]


def _evidence(value: object) -> object:
    return {"uri": value} if isinstance(value, str) else value


Words = Annotated[str, Field(min_length=1)]
WordList = Annotated[list[Words], BeforeValidator(_listed)]


class _Evidence(_Strict):
    uri: Words
    grade: int = Field(default=1, ge=1, le=100)
    quote: str = ""
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=1)


class _Row(_Strict):
    question: Words
    id: str | int | None = None
    expected: WordList = []
    relevant: Annotated[list[Annotated[_Evidence, BeforeValidator(_evidence)]], BeforeValidator(_listed)] = []
    contains: WordList = []
    not_contains: WordList = []
    abstains: bool = False
    rubric: str = ""
    tags: WordList = []
    inputs: dict[str, Any] = {}
    where: dict[str, Any] | None = None
    principals: WordList = []
    draft: bool = False
    metadata: dict[str, Any] = {}


FIELDS = tuple(_Row.model_fields)
"""What a case may say; `metadata` is left alone."""


def read_cases(paths: Sequence[Path], *, root: Path | None = None) -> tuple[Case, ...]:
    """The cases of these files, in their order. Their places are told from `root` on: a run may be read elsewhere.

    Raises UsageError, with file and line, for what is no case, for two cases of one id, and where there is none at all.
    """
    found: dict[str, Case] = {}
    for path in paths:
        told = path.relative_to(root) if root is not None and path.is_relative_to(root) else path
        for at, row in _rows(path, told):
            case = _case(row, at)
            if case.id in found:
                before, hint = f"one at {found[case.id].where}", "Give each an id of its own, or leave one out."
                raise UsageError(f"there are two cases {case.id!r}", where=at, found=before, hint=hint)
            found[case.id] = case
            if len(found) > MOST:
                raise UsageError("there are too many cases", where=at, expected=f"at most {MOST:,}")
    if not found:
        where = ", ".join(str(path) for path in paths)
        hint = "Write one on a line, or draft some: ragstone eval new NAME --from-documents"
        raise UsageError("there is no case", where=where, hint=hint)
    return tuple(found.values())


def _rows(path: Path, told: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "Paths are looked for beside the suite's file."
        raise UsageError("there is no such file", where=str(path), hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _table(told, text)
    else:
        yield from _lines(told, text)


def _lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    expected = '{"question": "…", "expected": "…", "relevant": "documents/a.md"}'
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise UsageError("is no case", where=f"{path}:{number}", expected=expected, found=line.strip()[:60])
        yield f"{path}:{number}", cast("dict[str, Any]", row)


def _table(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text), strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]  # pyright: ignore[reportUnknownArgumentType] - csv gives texts
        begun = reader.line_num + 1
        for cells in reader:
            at, begun = f"{path}:{begun}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(head):
                raise UsageError("has more cells than the table has columns", where=at, expected=str(len(head)))
            yield at, {name: _cell(name, cell, at) for name, cell in zip(head, cells, strict=False) if cell.strip()}
    except csv.Error as error:
        raise UsageError(f"is no table: {error}", where=f"{path}:{reader.line_num}") from None


def _delimiter(path: Path, text: str) -> Literal[",", ";", "\t"]:
    """What stands between cells most often in the first line: office programs differ by country."""
    first = text.partition("\n")[0]
    if path.suffix.lower() == ".tsv" or first.count("\t") > max(first.count(","), first.count(";")):
        return "\t"
    return ";" if first.count(";") > first.count(",") else ","


_LISTS = {"expected", "relevant", "contains", "not_contains", "tags", "principals"}
_OBJECTS = {"inputs", "where", "metadata"}
_SWITCHES = {"abstains", "draft"}


def _cell(name: str, cell: str, at: str) -> Any:
    cell = cell.strip()
    if name in _OBJECTS or (name in _LISTS and cell[:1] in "[{"):
        try:
            return json.loads(cell)
        except ValueError:
            if name in _LISTS:
                return [cell]
            raise UsageError(f"{name!r} is no JSON object", where=at, found=cell[:60]) from None
    if name in _LISTS:
        return [part.strip() for part in cell.split(BETWEEN) if part.strip()]
    if name in _SWITCHES:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if cell.lower() not in known:
            raise UsageError(f"{name!r} is neither true nor false", where=at, found=cell[:60])
        return known[cell.lower()]
    return cell


def _case(given: Mapping[str, Any], at: str) -> Case:
    for name in given:
        if name not in FIELDS:
            meant = OURS.get(name.lower())
            hint = f"Call it {meant!r}." if meant else nearest(name, FIELDS) or "Put it under 'metadata'."
            raise UsageError(f"there is no field {name!r}", where=at, expected="one of " + ", ".join(FIELDS), hint=hint)
    try:
        row = _Row.model_validate(dict(given))
    except ValidationError as error:
        raise _fault(error, at) from None
    if not row.question.strip():
        raise UsageError("'question' is empty", where=at)
    if row.abstains and (row.expected or row.contains):
        hint = "Leave out 'abstains', or what it expects of the words."
        raise UsageError("the case expects an answer, and none", where=at, hint=hint)
    return Case(
        id=_id(row),
        where=at,
        question=row.question,
        relevant=tuple(_relevant(one, at) for one in row.relevant),
        filters=row.where,
        **{name: tuple(getattr(row, name)) for name in ("expected", "contains", "not_contains", "tags", "principals")},
        **{name: getattr(row, name) for name in ("abstains", "rubric", "inputs", "draft")},
    )


def _id(row: _Row) -> str:
    """The case's own, or a hash of what is asked: an edit of what is expected keeps it."""
    if row.id is not None and str(row.id).strip():
        return str(row.id)
    asked = json.dumps([row.question.strip(), row.inputs, row.where, sorted(row.principals)], sort_keys=True)
    return hashlib.blake2b(asked.encode(errors="replace"), digest_size=5).hexdigest()


def _relevant(given: _Evidence, at: str) -> Evidence:
    if (given.start is None) != (given.end is None):
        raise UsageError("'relevant' has one end of a range", where=at, expected="both start and end, or a quote")
    if given.start is not None and given.end is not None and given.start >= given.end:
        raise UsageError("'relevant' has an empty range", where=at, found=f"{given.start} to {given.end}")
    return Evidence(**given.model_dump())


def _fault(error: ValidationError, at: str) -> UsageError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return UsageError(
        f"{name!r}: {first['msg'][0].lower()}{first['msg'][1:]}", where=at, found=repr(first["input"])[:60]
    )
