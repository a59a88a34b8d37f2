"""Compares what a source holds now with what was ingested: the plan, made before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ragstone.types import Document, Item

__all__ = ["Known", "Plan", "compare", "same_content"]


class Known(Protocol):
    """What must be known of an ingested document to compare it."""

    @property
    def id(self) -> str: ...  # noqa: D102 - fields named as in the state
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def content_hash(self) -> str: ...  # noqa: D102
    @property
    def acl(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do. `relabelled` pairs the id of a known document with its new acl."""

    added: tuple[Item, ...]
    changed: tuple[Item, ...]
    unchanged: int
    removed: tuple[str, ...]
    relabelled: tuple[tuple[str, tuple[str, ...]], ...]


def compare(items: Sequence[Item], known: Mapping[str, Known], *, fingerprint: str, complete: bool = True) -> Plan:
    """The plan for one source. `fingerprint` is that of the parts which make the chunks; `known` is keyed by uri.

    Where the listing is not complete nothing is removed. An item whose last ingestion was cut short is done again,
    under the name that it had then: added or changed.
    """
    added: list[Item] = []
    changed: list[Item] = []
    relabelled: list[tuple[str, tuple[str, ...]]] = []
    for item in items:
        row = known.get(item.uri)
        if row is None or row.state == "new":
            added.append(item)
        elif (row.state, row.version, row.fingerprint, row.acl) != ("live", item.version, fingerprint, item.acl):
            changed.append(item)
        if row is not None and row.acl != item.acl:
            relabelled.append((row.id, item.acl))
    listed = {item.uri for item in items}
    removed = tuple(row.id for uri, row in known.items() if uri not in listed) if complete else ()
    unchanged = len(items) - len(added) - len(changed)
    return Plan(tuple(added), tuple(changed), unchanged, removed, tuple(relabelled))


def same_content(row: Known | None, document: Document, *, fingerprint: str) -> bool:
    """Whether a document whose version changed (it was touched, copied back, checked out again) is what it was."""
    if row is None or row.state != "live":
        return False
    return (row.content_hash, row.fingerprint, row.acl) == (document.content_hash, fingerprint, document.acl)
