"""What an answer rests on, as it is kept beside it: tags by which it is removed, and passages that can be looked up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ragstone.caching.key import documents_of
from ragstone.types import Chunk, Context, Document, Prompt

__all__ = ["Passage", "passages_of", "read_passages", "tags_of"]


def tags_of(prompt: Prompt, *, model: str, fingerprint: str, context: Context) -> tuple[str, ...]:
    """All tags of a call: whose it is, and the prompt file, the model and the documents that it rests on.

    Where a class stands in for a prompt file's outputs, the version is still the file's: both are in use. A prompt of
    no file has no tag, since two of them are not two versions of one.
    """
    version, _, _ = prompt.version.partition("+")
    rests = documents_of(hit for slot in prompt.slots for hit in slot.hits)
    file = () if prompt.loose else (f"prompt:{prompt.name}@{version}",)
    return (f"tenant:{context.tenant}", *file, f"model:{model}@{fingerprint}", *rests)


@dataclass(frozen=True, slots=True)
class Passage:
    """A range of a document. `digest` changes with its words, its title, its metadata and its permissions."""

    document: str
    start: int
    end: int
    digest: str

    def stands_in(self, document: Document) -> bool:
        """Whether the document says there what it said, to the same readers."""
        return self.digest == _digest(document.text[self.start : self.end], document)

    def as_list(self) -> list[str | int]:
        """As JSON holds it."""
        return [self.document, self.start, self.end, self.digest]


def passages_of(prompt: Prompt) -> list[Passage]:
    """The passages of a prompt, each once, in their order."""
    chunks = [hit.chunk for slot in prompt.slots for hit in slot.hits]
    found = (Passage(one.document_id, one.start, one.end, _digest(one.text, one)) for one in chunks)
    return list(dict.fromkeys(found))


def read_passages(told: object) -> list[Passage] | None:
    """What `as_list` made of passages; None for anything else."""
    rows: list[Any] = cast("list[Any]", told) if isinstance(told, list) else [None]
    if any(not isinstance(row, list) or [type(one) for one in cast("list[Any]", row)] != _TYPES for row in rows):
        return None
    return [Passage(*row) for row in rows]


_TYPES = [str, int, int, str]


def _digest(text: str, of: Chunk | Document) -> str:
    metadata: Mapping[str, Any] = of.metadata
    said = json.dumps([text, of.title, metadata, sorted(of.acl)], sort_keys=True, default=str)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
