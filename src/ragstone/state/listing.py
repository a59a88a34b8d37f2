"""The documents of an index that a caller may see, page by page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["DocumentsPage", "Listed", "listing", "page_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document without its text. `state` is new, changed, relabelled or live.

    `acl` is who may see it, `ingestion` the trace of the run that wrote it last.
    """

    id: str
    uri: str
    title: str
    source: str
    media_type: str
    language: str
    state: str
    acl: tuple[str, ...]
    characters: int
    chunks: int
    ingestion: str

    def as_dict(self) -> dict[str, Any]:
        """The document as the service lists it."""
        return {**asdict(self), "acl": list(self.acl)}


COLUMNS = tuple(field.name for field in fields(Listed))


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsPage:
    """Some documents in the order of their uris; `after` is where the next page begins, None on the last one."""

    documents: tuple[Listed, ...]
    after: str | None


def listing(principals: Sequence[str] | None, named: str) -> tuple[str, list[Any]]:
    """The statement for the documents whose uri comes after one, and the values for who may see them.

    None in place of principals stands for the operator, who sees all.
    """
    may = ""
    if principals is not None:
        marks = ",".join("?" * len(principals))
        may = f" AND state = 'live' AND EXISTS (SELECT 1 FROM json_each(d.acl) WHERE value IN ({marks}))"
    statement = (
        "SELECT id, uri, title, source, media_type, language, state, acl, length(text),"
        " (SELECT COUNT(*) FROM chunks c WHERE c.pipeline = d.pipeline AND c.document_id = d.id), ingestion"
        f" FROM documents d WHERE pipeline = ? AND tenant = ? AND uri > ? AND instr(uri, ?){may} ORDER BY uri LIMIT ?"
    )
    return statement, [named, *(principals or ())]


def page_of(rows: Sequence[Sequence[Any]], limit: int) -> DocumentsPage:
    """A page of what was found, which is one more than fits where there is a next one."""
    listed: list[Listed] = []
    for row in rows[:limit]:
        found: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
        found["acl"] = tuple(json.loads(found["acl"]))
        listed.append(Listed(**found))
    return DocumentsPage(documents=tuple(listed), after=listed[-1].uri if len(rows) > limit else None)
