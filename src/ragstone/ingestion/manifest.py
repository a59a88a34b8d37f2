"""Compares what a source holds now with what was ingested: the plan, made before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ragstone.labels import trust_of
from ragstone.types import Document, Item, Trust

__all__ = ["Known", "Plan", "below", "compare", "same_content"]


class Known(Protocol):
    """What must be known of an ingested document to compare it."""

    @property
    def id(self) -> str: ...  # noqa: D102 - fields named as in the state
    @property
    def uri(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def content_hash(self) -> str: ...  # noqa: D102
    @property
    def parent(self) -> str: ...  # noqa: D102
    @property
    def acl(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def trust(self) -> Trust: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do. `removed` are known documents; `relabelled` pairs one with an item of its new labels.

    Labels say who may see a text, and how far it is trusted: to change them, nothing is read or embedded.
    """

    added: tuple[Item, ...]
    changed: tuple[Item, ...]
    unchanged: int
    removed: tuple[Known, ...]
    relabelled: tuple[tuple[Known, Item], ...]


def compare(
    items: Sequence[Item],
    known: Mapping[str, Known],
    *,
    fingerprint: str,
    complete: bool = True,
    forgotten: Collection[str] = (),
    only: Sequence[str] = (),
    judged: bool = False,
) -> Plan:
    """The plan for one source. `fingerprint` is that of the parts which make the chunks; `known` is keyed by uri.

    What lies inside a file (an attachment) follows that file. Where the listing is not complete nothing is removed,
    save what is forgotten. With `only`, nothing but these uris and what lies below them is looked at. Where documents
    are `judged` by checks, one that is trusted otherwise than before is looked at again.
    """
    added: list[Item] = []
    changed: list[Item] = []
    relabelled: list[tuple[Known, Item]] = []
    items = [item for item in items if item.uri not in forgotten and below(item.uri, only)]
    inside: dict[str, list[Known]] = {}
    for row in known.values():
        inside.setdefault(row.parent or row.uri, []).append(row)
    for item in items:
        row = known.get(item.uri)
        if row is None:
            added.append(item)
        elif (row.version, row.fingerprint) != (item.version, fingerprint) or (
            judged and row.trust != trust_of(item.metadata)
        ):
            changed.append(item)
        labels = item.acl, trust_of(item.metadata)
        relabelled += [(each, item) for each in inside.get(item.uri, ()) if (each.acl, each.trust) != labels]
    listed = {item.uri for item in items}
    removed = [
        row
        for uri, rows in inside.items()
        if uri not in listed and below(uri, only) and (complete or uri in forgotten)
        for row in rows
    ]
    unchanged = len(items) - len(added) - len(changed)
    return Plan(tuple(added), tuple(changed), unchanged, tuple(removed), tuple(relabelled))


def below(uri: str, only: Sequence[str]) -> bool:
    """Whether a uri is one of those named, or lies below one; without any it is.

    >>> below("docs/a/b.md", ["docs/a"]), below("docs/ab.md", ["docs/a"]), below("docs/a.md", ())
    (True, False, True)
    """
    return not only or any(place == "." or uri == place or uri.startswith(f"{place.rstrip('/')}/") for place in only)


def same_content(row: Known | None, document: Document, *, fingerprint: str, judged: bool = False) -> bool:
    """Whether a document whose version changed (it was touched, copied back, checked out again) is what it was.

    Where it is `judged` by checks, it is so only if it is trusted as before.

    One without a version has to be done again, whatever its content is: something inside it could not be read.
    """
    if row is None or row.state != "live" or not row.version:
        return False
    if judged and row.trust != trust_of(document.metadata):
        return False
    return (row.content_hash, row.fingerprint) == (document.content_hash, fingerprint)
