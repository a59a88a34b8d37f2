"""From an item of a source to what is ready to be embedded: read, parsed, cut, let in by the checks, and situated."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ragstone.errors import ModelError, ParseError, RagstoneError
from ragstone.ingestion.manifest import same_content
from ragstone.ingestion.parse import Family, document_id, parse
from ragstone.ingestion.split import split
from ragstone.labels import labelled, trust_of
from ragstone.pipelines.index import Index
from ragstone.reports import Failure, Flagged, Progress
from ragstone.state.sqlite import ManifestRow
from ragstone.text.language import detect
from ragstone.types import Chunk, Context, Document, Item

__all__ = ["Cut", "Prepared", "Preparing", "Run", "failure_of"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A document that is ready to be embedded."""

    document: Document
    version: str
    language: str
    chunks: Sequence[Chunk]
    ids: Sequence[Sequence[int] | None]
    flagged: Sequence[Flagged] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item that is ready to be embedded, with the documents inside it, and those in there that failed.

    Those that a check has `refused` go from the index; `gone` is the id of the item's own document, where that is one.
    """

    item: Item
    parts: Sequence[Cut]
    failed: Sequence[Failure]
    refused: Sequence[Failure] = ()
    gone: str = ""

    @property
    def size(self) -> int:
        """How many chunks there are in it."""
        return sum(len(part.chunks) for part in self.parts)


@dataclass(slots=True)
class Run:
    """What one run has counted."""

    total: int = 0
    known: dict[str, ManifestRow] = field(default_factory=dict[str, ManifestRow])
    counts: Counter[str] = field(default_factory=Counter[str])
    embedded: int = 0
    done: int = 0
    failed: list[Failure] = field(default_factory=list[Failure])
    warnings: list[Failure] = field(default_factory=list[Failure])
    flagged: list[Flagged] = field(default_factory=list[Flagged])
    progress: Callable[[Progress], None] | None = None
    last_good: str = ""
    spent: dict[str, float] = field(default_factory=dict[str, float])
    splitting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def timed(self, stage: str) -> Generator[None]:
        """Adds the block's time to a stage's. Stages overlap, so their sum is more than the whole."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + time.perf_counter() - begun

    def wait_for(self, holder: str) -> None:
        """Says who is waited for."""
        if self.progress:
            self.progress(Progress(0, 0, 0, holder))

    def report(self) -> None:
        """Says how far it has come."""
        if self.progress:
            self.progress(Progress(self.done, self.total, self.embedded))


class Preparing:
    """Prepares the items of one source. With `dry` nothing is written, and no model is asked for anything."""

    def __init__(self, index: Index, source: str, run: Run, context: Context, *, dry: bool) -> None:
        self.index, self.source, self.run, self.context, self.dry = index, source, run, context, dry

    async def __call__(self, item: Item) -> Prepared | Failure | None:
        """An item that is ready to be embedded, why it is not, or None where its content is what it was."""
        index, run = self.index, self.run
        try:
            family = await self._family(item)
            row, judged = run.known.get(family.document.id), index.admission is not None
            same = same_content(row, family.document, fingerprint=index.fingerprint, judged=judged)
            if same and not family.failed:
                if not self.dry:
                    await asyncio.to_thread(index.state.touch, index.key, family.document.id, item.version)
                return None
            async with run.splitting:  # threads that compute in Python only get in each other's way
                prepared = await asyncio.to_thread(self._cut, item, family)
            prepared = await self._admitted(prepared)
            return prepared if self.dry else await self._situated(prepared)
        except ParseError as error:
            return failure_of(item.uri, error)
        except ModelError as error:
            return Failure(item.uri, f"no sentence could be made of where its chunks stand: {error}")
        except RagstoneError:
            raise  # the state or the disk: no fault of this document
        except Exception as error:  # one odd document never stops the others
            return Failure(item.uri, f"cannot be split: {type(error).__name__}: {error}")

    async def _family(self, item: Item) -> Family:
        """The item's documents: read and parsed, or from the state where only what cuts or embeds them has changed."""
        row = self.run.known.get(document_id(self.index.tenant, self.source, item.uri))
        if row is not None and row.version == item.version and row.fingerprint.endswith(f"/{self.index.parsed_by}"):
            found = await asyncio.to_thread(self.index.state.named, self.index.key, item.uri, tenant=self.index.tenant)
            return Family(found[0], tuple(found[1:]))
        try:
            with self.run.timed("parse"):
                return await parse(
                    item, source=self.source, tenant=self.index.tenant, workers=self.index.reader, context=self.context
                )
        except ParseError as error:
            index = self.index
            kept = await asyncio.to_thread(index.state.named, self.run.last_good, item.uri, tenant=index.tenant)
            if not kept:
                raise
            first, *inside = (_relabelled(one, item) for one in kept)
            return Family(first, tuple(inside), (failure_of(item.uri, error),))

    def _cut(self, item: Item, family: Family) -> Prepared:
        # Without a version the item is read again next time: something in it failed.
        version = "" if family.failed else item.version
        before = self.index.splitter.tokenising
        with self.run.timed("split"):
            documents = (family.document, *family.children)
            parts = [self._cut_one(document, version, family.languages.get(document.id)) for document in documents]
        tokenising = self.index.splitter.tokenising - before
        self.run.spent["split"] -= tokenising
        self.run.spent["tokenise"] = self.run.spent.get("tokenise", 0.0) + tokenising
        return Prepared(item, parts, family.failed)

    def _cut_one(self, document: Document, version: str, language: str | None) -> Cut:
        language = language or detect(document.text)
        facts = {"source": document.source, "uri": document.uri, "media_type": document.media_type, "lang": language}
        document = replace(document, metadata={**document.metadata, **facts})
        pieces = split(document, self.index.splitter)
        return Cut(document, version, language, [c for c, _ in pieces], [ids for _, ids in pieces])

    async def _admitted(self, prepared: Prepared) -> Prepared:
        """With those passages alone that the checks of the pipeline let in; without the documents that they refuse."""
        if self.index.admission is None:
            return prepared
        parts, refused = list[Cut](), list[Failure]()
        with self.run.timed("check"):
            for part in prepared.parts:
                found = await self.index.admission.admit(part.chunks, context=self.context)
                if found.refused and not parts:  # what lies inside goes with it
                    failure = Failure(part.document.uri, found.refused)
                    return Prepared(prepared.item, (), prepared.failed, (failure,), gone=part.document.id)
                if found.refused:
                    refused.append(Failure(part.document.uri, found.refused))
                    continue
                ids = [
                    part.ids[place] if chunk.context == part.chunks[place].context else None
                    for place, chunk in zip(found.places, found.chunks, strict=True)
                ]
                parts.append(replace(part, chunks=found.chunks, ids=ids, flagged=found.flagged))
        if refused:  # as where something in it could not be read: it is looked at again next time
            parts = [replace(part, version="") for part in parts]
        return replace(prepared, parts=parts, refused=refused)

    async def _situated(self, prepared: Prepared) -> Prepared:
        """With a model's sentence before each chunk, where the pipeline asks for that."""
        if self.index.situator is None:
            return prepared
        parts: list[Cut] = []
        for part in prepared.parts:
            readable = _readable(part.document, part.flagged)
            chunks = await self.index.situator(part.chunks, readable, context=self.context)
            parts.append(replace(part, chunks=chunks, ids=[None] * len(chunks)))
        return replace(prepared, parts=parts)


def _readable(document: Document, flagged: Sequence[Flagged]) -> Document:
    """A document as a model may read it, with blanks for what was kept out of the index: places stay what they are."""
    text = document.text
    for one in flagged:
        if one.action == "dropped":
            text = text[: one.start] + " " * (one.end - one.start) + text[one.end :]
    return replace(document, text=text) if text != document.text else document


def _relabelled(document: Document, item: Item) -> Document:
    """A document of another edition with the labels of today: who may see it, and how far it is trusted."""
    return replace(document, acl=item.acl, metadata=labelled(document.metadata, trust_of(item.metadata)))


def failure_of(uri: str, error: RagstoneError) -> Failure:
    """Why something failed, without the place, where that is what failed."""
    return Failure(error.where or uri, str(error).removeprefix(f"{error.where}: "))
