"""The layouts that `ragstone eval` reads. Every fault is reported with file and line; nothing is skipped.

retrieval   corpus.jsonl {_id, title, text}   queries.jsonl {_id, text}   qrels.tsv query-id, corpus-id, score
chunks      corpora/<corpus_id>.md            questions.jsonl {corpus_id, question, references[{start_index, …}]}
answers     passages.jsonl {id, text}         questions.jsonl {question, passage_id, answers[{text}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from ragstone.errors import UsageError

__all__ = ["Judged", "Passages", "Question", "Spans", "Text", "read_judged", "read_passages", "read_spans"]


@dataclass(frozen=True, slots=True)
class Text:
    """One document of a data set."""

    id: str
    text: str
    title: str = ""
    media_type: str = "text/plain"
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is right: relevant documents by grade, spans of one document, or answers in words."""

    id: str
    text: str
    relevant: Mapping[str, int] = field(default_factory=dict[str, int])
    spans: tuple[tuple[int, int], ...] = ()
    answers: tuple[str, ...] = ()
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents and questions with graded relevance; a question without relevant documents is left out."""

    name: str
    texts: Sequence[Text]
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Spans(Judged):
    """Whole documents and questions whose evidence is given as character spans."""


@dataclass(frozen=True, slots=True)
class Passages(Judged):
    """Passages and questions that one of them answers."""


T = TypeVar("T", Text, Question)


def read_judged(folder: Path) -> Judged:
    """A collection in the layout of BEIR, with `qrels.tsv` or `qrels/test.tsv`; a document is its title and text."""
    texts = [
        (at, Text(_text(row, "_id", at), "\n\n".join(filter(None, (title, _text(row, "text", at)))), title))
        for at, row in _rows(folder / "corpus.jsonl")
        for title in [str(row.get("title") or "").strip()]
    ]
    judgements = folder / "qrels.tsv"
    grades = _grades(judgements if judgements.exists() else folder / "qrels" / "test.tsv")
    questions: list[tuple[str, Question]] = []
    for at, row in _rows(folder / "queries.jsonl"):
        id_ = _text(row, "_id", at)
        relevant = grades.get(id_, {})
        if any(grade > 0 for grade in relevant.values()):
            questions.append((at, Question(id_, _text(row, "text", at), relevant)))
    return Judged(folder.resolve().name, _unique(texts), _some(_unique(questions), folder))


def read_spans(folder: Path) -> Spans:
    """Whole documents with questions, in the layout of chunking_evaluation. Offsets count characters of the file."""
    paths = sorted((folder / "corpora").glob("*.md"))
    if not paths:
        raise UsageError("there is no corpus", where=str(folder / "corpora"), expected="files *.md")
    texts = [Text(path.stem, _read(path), media_type="text/markdown") for path in paths]
    lengths = {text.id: len(text.text) for text in texts}
    questions: list[tuple[str, Question]] = []
    for at, row in _rows(folder / "questions.jsonl"):
        corpus = _text(row, "corpus_id", at)
        if corpus not in lengths:
            raise UsageError(f"there is no corpus {corpus!r}", where=at, expected="one of " + ", ".join(lengths))
        spans = tuple(_span(found, lengths[corpus], at) for found in _list(row, "references", at))
        if not spans:
            raise UsageError("'references' is empty", where=at, expected="one range of the corpus, or more")
        id_ = str(row.get("id") or len(questions))
        questions.append((at, Question(id_, _text(row, "question", at), {corpus: 1}, spans)))
    return Spans(folder.resolve().name, texts, _some(_unique(questions), folder))


def read_passages(folder: Path, *, lang: str = "") -> Passages:
    """Passages and questions; `lang` keeps those of one language. Raises UsageError where none is left."""
    texts = [
        (at, Text(_text(row, "id", at), _text(row, "text", at), str(row.get("title") or ""), lang=_lang(row)))
        for at, row in _rows(folder / "passages.jsonl")
    ]
    questions = [
        (
            at,
            Question(
                str(row.get("id") or at),
                _text(row, "question", at),
                {_text(row, "passage_id", at): 1},
                answers=tuple(_text(found, "text", at) for found in _list(row, "answers", at)),
                lang=_lang(row),
            ),
        )
        for at, row in _rows(folder / "questions.jsonl")
    ]
    if lang:
        there = sorted({text.lang for _, text in texts} - {""})
        texts = [(at, text) for at, text in texts if text.lang == lang]
        questions = [(at, question) for at, question in questions if question.lang == lang]
        if not texts:
            raise UsageError(
                f"no passage is in the language {lang!r}", where=str(folder), expected="one of " + ", ".join(there)
            )
    known = {text.id for _, text in texts}
    for at, question in questions:
        if not question.relevant.keys() <= known:
            raise UsageError(
                "its passage is not there",
                where=at,
                expected="an id of passages.jsonl",
                found=next(iter(question.relevant)),
            )
    return Passages(folder.resolve().name, _unique(texts), _some(_unique(questions), folder))


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # read_text would turn \r\n into \n and move every offset
    except FileNotFoundError:
        raise UsageError("there is no such file", where=str(path), hint="See: ragstone eval --help") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(
            "is not UTF-8", where=f"{path}:{line}", found=repr(error.object[error.start : error.end])
        ) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object of a JSON Lines file with its place."""
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        at = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise UsageError(f"is not JSON: {reason}", where=at, expected="one object a line") from None
        if not isinstance(row, dict):
            raise UsageError("is no object", where=at, expected="one object a line", found=line[:40])
        yield at, cast("Mapping[str, Any]", row)


def _text(row: Mapping[str, Any], key: str, at: str) -> str:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # ids are numbers in some data sets
    if not isinstance(value, str):
        raise UsageError(f"{key!r} is missing or no text", where=at, found=repr(value))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{key!r} holds half a character", where=at, found=repr(value[error.start])) from None
    return value


def _lang(row: Mapping[str, Any]) -> str:
    return str(row.get("lang") or "")


def _list(row: Mapping[str, Any], key: str, at: str) -> Sequence[Mapping[str, Any]]:
    value = row.get(key)
    parts = cast("list[Any]", value) if isinstance(value, list) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise UsageError(f"{key!r} is no list of objects", where=at, found=repr(parts)[:60])
    return cast("list[Mapping[str, Any]]", parts)


def _span(row: Mapping[str, Any], length: int, at: str) -> tuple[int, int]:
    start, end = row.get("start_index"), row.get("end_index")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:  # true is an int, too
        raise UsageError(
            "a reference is no range of its corpus", where=at, expected=f"0 to {length}", found=f"{start}, {end}"
        )
    return start, end


def _grades(path: Path) -> dict[str, dict[str, int]]:
    """Grades by question and document, from `query-id corpus-id score` or TREC's `query-id 0 corpus-id score`."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_read(path).split("\n"), 1):
        fields = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if not line.strip() or (number == 1 and len(fields) in (3, 4) and not _whole(fields[-1])):
            continue  # the header
        if len(fields) not in (3, 4) or not _whole(fields[-1]):
            raise UsageError(
                "is no judgement", where=f"{path}:{number}", expected="query-id, corpus-id, score", found=line[:60]
            )
        grades.setdefault(fields[0], {})[fields[-2]] = int(float(fields[-1]))
    return grades


def _whole(text: str) -> bool:
    try:
        return float(text) == int(float(text))
    except (ValueError, OverflowError):
        return False


def _unique(found: Sequence[tuple[str, T]]) -> list[T]:
    """What was found without its places. Raises UsageError where an id stands a second time."""
    seen: dict[str, str] = {}
    for at, one in found:
        if one.id in seen:
            raise UsageError(f"the id {one.id!r} stands there twice", where=at, hint=f"See: {seen[one.id]}")
        seen[one.id] = at
    return [one for _, one in found]


def _some(questions: Sequence[Question], folder: Path) -> Sequence[Question]:
    if not questions:
        raise UsageError("there is no question with anything relevant", where=str(folder))
    return questions
