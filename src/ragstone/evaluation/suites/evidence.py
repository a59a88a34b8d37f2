"""Where the evidence of a case stands in the index: its documents are there, and its quotes have a range."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ragstone.errors import UsageError, nearest
from ragstone.evaluation.cases import Case, Evidence
from ragstone.pipelines.index import Index
from ragstone.types import Document

__all__ = ["Library", "located"]


class Library:
    """The documents of an index, whoever may see them, by uri. It blocks."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._rows = dict(self._listed())
        self._texts: dict[str, str] = {}

    def _listed(self) -> Iterator[tuple[str, str]]:
        state, tenant = self._index.state, self._index.tenant
        for source in state.sources(self._index.key, tenant=tenant):
            for uri, row in state.manifest(self._index.key, tenant=tenant, source=source).items():
                yield uri, row.id

    @property
    def uris(self) -> Mapping[str, str]:
        """The id of each document, by its uri."""
        return self._rows

    def text(self, uri: str) -> str:
        """The text of a document that is there."""
        if uri not in self._texts:
            found: Document | None = self._index.state.document(
                self._index.key, self._rows[uri], tenant=self._index.tenant
            )
            self._texts[uri] = found.text if found is not None else ""
        return self._texts[uri]


def located(cases: Sequence[Case], library: Library) -> list[Case]:
    """The cases with the ranges of their quotes.

    Raises UsageError, with the case's place, for a document that is not in the index, for a quote that does not stand
    in it or stands there twice, and for a range behind its end.
    """
    return [replace(case, relevant=tuple(_located(one, case, library) for one in case.relevant)) for case in cases]


def _located(one: Evidence, case: Case, library: Library) -> Evidence:
    if one.uri not in library.uris:
        raise UsageError(
            f"there is no document {one.uri!r} in the index",
            where=case.where,
            expected="a uri as `ragstone search` prints it",
            hint=nearest(one.uri, library.uris) or "Run: ragstone ingest",
        )
    if one.quote and one.span is None:
        start, end = _found(one.quote, library.text(one.uri), f"{case.where}: {one.uri}")
        return replace(one, start=start, end=end)
    if one.end is not None and one.end > (length := len(library.text(one.uri))):
        raise UsageError("the range ends behind the document", where=case.where, expected=f"at most {length}")
    return one


def _found(quote: str, text: str, where: str) -> tuple[int, int]:
    """The only place of a quote; line breaks and runs of spaces count as one space, since people copy from a screen."""
    words = [re.escape(word) for word in quote.split()]
    places = [match.span() for match in re.finditer(r"\s+".join(words), text)] if words else []
    if len(places) != 1:
        what = "stands there more than once" if places else "does not stand in the document"
        hint = "Quote more words." if places else "Copy the words as `ragstone search --json` prints them."
        raise UsageError(f"the quote {what}", where=where, found=quote[:60], hint=hint)
    return places[0]
