"""Questions for a project's own documents: a person's, read from a file, or drafted from the documents' own words."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError, nearest
from ragstone.evaluation.datasets.layouts import Judged, Question, Text
from ragstone.pipelines.index import Index
from ragstone.text.sentences import sentences
from ragstone.types import Context, Document, Span

__all__ = ["DRAFTED", "collection", "documents", "drafted", "read_questions", "write_questions"]

DRAFTED = 100  # questions, spread over the documents

_BEGINNING = 2000  # characters of a section in which its first sentence is looked for
_HEADING, _SENTENCE = 6, 15  # letters and digits: what is shorter names too many things
_LONGEST = 300
_NO_PROSE = re.compile(r"[\s#|`~<>!*_=+\d-]")  # a heading, a table row, code, a list


def documents(index: Index, *, context: Context) -> list[Document]:
    """The documents of an index that the caller may see, with their texts. It blocks."""
    seen = {"public", *context.principals}
    found: list[Document] = []
    for source in index.state.sources(index.key, tenant=index.tenant):
        for row in index.state.manifest(index.key, tenant=index.tenant, source=source).values():
            document = index.state.document(index.key, row.id, tenant=index.tenant) if seen & set(row.acl) else None
            if document is not None and document.text.strip():
                found.append(document)
    return found


def collection(name: str, found: Sequence[Document], questions: Sequence[Question]) -> Judged:
    """Documents and questions as a data set. What was made of a PDF, say, is read as plain text from now on."""
    texts = [
        Text(one.uri, one.text, one.title, media_type=one.media_type if one.verbatim else "text/plain") for one in found
    ]
    return Judged(name, list({text.id: text for text in texts}.values()), questions)


# ── A file of questions ─────────────────────────────────────────────────────────────────────────────────────────────


def read_questions(path: Path, *, uris: Collection[str]) -> list[Question]:
    """The questions of a JSON Lines file, one object a line: `question`, and `relevant` with the uris that answer it.

    Raises UsageError, with file and line, for what is no such object and for a uri that is not among those given.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UsageError(
            "there is no such file", where=str(path), hint="Draft one: ragstone tune --draft questions.jsonl"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    found = [_question(line, f"{path}:{number}", str(number)) for number, line in enumerate(lines, 1) if line.strip()]
    known = set(uris)
    for at, question in found:
        for uri in question.relevant:
            if uri not in known:
                raise UsageError(
                    f"there is no document {uri!r} in the index",
                    where=at,
                    expected="a uri as `ragstone search` prints it",
                    hint=nearest(uri, known) or "Run: ragstone ingest",
                )
    if not found:
        raise UsageError("there is no question", where=str(path))
    return [question for _, question in found]


def _question(line: str, at: str, id_: str) -> tuple[str, Question]:
    expected = '{"question": "…", "relevant": ["documents/a.md"]}'
    try:
        row: Any = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UsageError("is no question", where=at, expected=expected, found=line[:60])
    given = cast("Mapping[str, Any]", row)
    text: Any = given.get("question")
    relevant: Any = given.get("relevant", given.get("uri"))
    uris: list[Any] = cast("list[Any]", relevant) if isinstance(relevant, list) else [relevant]
    if not isinstance(text, str) or not text.strip():
        raise UsageError("'question' is missing or empty", where=at, expected=expected)
    if not uris or not all(isinstance(uri, str) and uri for uri in uris):
        raise UsageError("'relevant' is no list of documents", where=at, expected=expected, found=repr(uris)[:60])
    return at, Question(id_, text, dict.fromkeys(uris, 1))


def write_questions(path: Path, questions: Sequence[Question]) -> None:
    """Writes questions to a new file, for a person to edit. Raises UsageError where there is a file."""
    rows = ({"question": question.text, "relevant": list(question.relevant)} for question in questions)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            "the file is there already, and may hold your edits",
            where=str(path),
            hint="Use it with --questions, or choose another name.",
        ) from None


# ── Drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def drafted(found: Sequence[Document], *, most: int = DRAFTED) -> list[Question]:
    """Headings and first sentences of sections, in turn, as questions whose answer is their document.

    They repeat the words of the texts, which real questions do not: search by words looks better than it is. What
    stands in two documents is no question, since either answers it.
    """
    proposed = {one.uri: list(dict.fromkeys(_proposals(one))) for one in sorted(found, key=lambda one: one.uri)}
    holders: dict[str, set[str]] = defaultdict(set)
    for one in found:
        for text in (*proposed[one.uri], *(" ".join(span.label.split()) for span in _headings(one))):
            holders[text.casefold()].add(one.uri)
    own = [[(uri, text) for text in texts if len(holders[text.casefold()]) == 1] for uri, texts in proposed.items()]
    spread = (pair for pair in chain.from_iterable(zip_longest(*own)) if pair)
    return [Question(str(number), text, {uri: 1}) for number, (uri, text) in enumerate(islice(spread, most), 1)]


def _proposals(document: Document) -> Iterator[str]:
    sections = [(span.label, span.start, span.end) for span in _headings(document)] or [("", 0, len(document.text))]
    for number, (heading, start, end) in enumerate(sections):
        label = " ".join(heading.split())
        sentence = _first(document.text[start : min(end, start + _BEGINNING)], label)
        titled = label if _letters(label) >= _HEADING else ""
        text = (titled or sentence) if number % 2 else (sentence or titled)
        if text and len(text) <= _LONGEST:
            yield text


def _headings(document: Document) -> list[Span]:
    return [span for span in document.spans if span.kind == "heading"]


def _first(text: str, heading: str) -> str:
    """The first sentence of prose in a section; nothing where there is none."""
    for start, end in sentences(text):
        sentence = text[start:end].strip()
        plain = " ".join(sentence.split())
        if plain != heading and not _NO_PROSE.match(sentence) and _letters(plain) >= _SENTENCE:
            return plain
    return ""


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
