"""From the best candidates to what is read in place of them: parents, neighbours, the sentences that matter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ragstone.errors import EmbedderError
from ragstone.pipelines.parts import parts_of
from ragstone.pipelines.retrieve import FINAL, Asked, Candidate, Ranking, as_hits
from ragstone.retrieval import trim
from ragstone.retrieval.expand import Place, expand, joined, neighbourhood, place, unheaded
from ragstone.retrieval.pack import estimated, ordered, pack
from ragstone.types import Chunk, Context, Document, Hit

__all__ = ["Shaping"]

Range = tuple[int, int]


class Shaping:
    """Makes the hits that are read of those that were found."""

    def __init__(self, ranking: Ranking) -> None:
        self.ranking, self.spec, self.index = ranking, ranking.spec, ranking.index

    async def shape(self, asked: Asked, found: Sequence[Candidate], *, k: int, context: Context) -> list[Hit]:
        """At most k hits, in the order in which a model reads them; ranks say which is best."""
        placed = _placed(found, k)
        shaped = await self._expanded(placed, context)
        if self.ranking.trims and asked.read:
            # Who asks for parents, neighbours or merged hits wants to read them whole.
            ranges = {hit.chunk.id: (hit.chunk.start, hit.chunk.end) for hit in placed}
            as_found = {hit.chunk.id for hit in shaped if ranges[hit.chunk.id] == (hit.chunk.start, hit.chunk.end)}
            shaped = await self._trimmed(asked, shaped, as_found, context)
        spec = self.spec.pack
        with context.trace.step("retrieve.pack", order=spec.order) as step:
            if spec.tokens is not None:
                shaped = await asyncio.to_thread(pack, shaped, tokens=spec.tokens, count=self._tokens)
            step.facts["found"] = len(shaped)
        return ordered(shaped, spec.order)

    def _tokens(self, chunk: Chunk) -> int:
        try:
            return len(self.index.embedder.tokens(chunk.embedded)[0])
        except EmbedderError:  # it has no tokenizer
            return estimated(chunk)

    # ── Expand ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _expanded(self, found: list[Hit], context: Context) -> list[Hit]:
        spec = self.spec.expand
        if not spec.neighbours and not spec.merge and not any(hit.chunk.parent for hit in found):
            return found
        with context.trace.step("retrieve.expand", neighbours=spec.neighbours, merge=spec.merge) as step:
            wanted = sorted({hit.chunk.document_id for hit in found})
            documents = {one.id: one for one in [await self._document(id_, context) for id_ in wanted] if one}
            ranges: dict[str, Range] = {}
            if spec.neighbours:
                places = {id_: await self._places(id_) for id_ in documents}
                ranges = {
                    hit.chunk.id: neighbourhood(hit.chunk, places[hit.chunk.document_id], spec.neighbours)
                    for hit in found
                    if hit.chunk.document_id in places
                }
            barred = await asyncio.to_thread(self.index.state.barred, self.index.key, wanted)
            for id_, ranges_out in barred.items():
                if id_ in documents:
                    documents[id_] = replace(documents[id_], spans=unheaded(documents[id_].spans, ranges_out))
            found = expand(found, documents, ranges, barred=barred)
            if spec.merge:
                found = joined(found, documents)
            step.facts["found"] = len(found)
        return found

    async def _document(self, document_id: str, context: Context) -> Document | None:
        """One document, where the caller may see it."""
        state, index = self.index.state, self.index
        found = await asyncio.to_thread(state.document, index.key, document_id, tenant=index.tenant)
        return found if found and {"public", *context.principals} & set(found.acl) else None

    async def _places(self, document_id: str) -> list[Range]:
        state, index = self.index.state, self.index
        chunks = await asyncio.to_thread(state.chunks_of, index.key, document_id, tenant=index.tenant)
        return [(chunk.start, chunk.end) for chunk in chunks]

    # ── Trim ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _trimmed(self, asked: Asked, found: list[Hit], which: set[str], context: Context) -> list[Hit]:
        """Those hits cut down to the runs of their sentences that the question is about; tables stay whole."""
        with context.trace.step("retrieve.trim", threshold=self.spec.trim) as step:
            whole = [hit for hit in found if hit.chunk.id in which and not _tabular(hit.chunk)]
            chunks = [hit.chunk for hit in whole]
            parts = await parts_of(chunks, self.index.embedder, language=asked.language)
            prose = [hit for hit in whole if hit.chunk.id in parts]
            kept = await self.ranking.kept(asked, [hit.chunk for hit in prose], context)
            passages = [
                parts[hit.chunk.id].passage(own.rows, hit.scores[FINAL]) for hit, own in zip(prose, kept, strict=True)
            ]
            scores = await asyncio.to_thread(trim.relevance, await self.ranking.asking(asked, context), passages)
            made: dict[str, Chunk] = {}
            for hit, passage, own in zip(prose, passages, scores, strict=True):
                lengths = [end - start for start, end in passage.sentences]
                first, last = trim.run(own, lengths, threshold=self.spec.trim)
                made[hit.chunk.id] = parts[hit.chunk.id].cut(hit.chunk, first, last)
            before = sum(len(hit.chunk.text) for hit in found)
            found = [replace(hit, chunk=made.get(hit.chunk.id, hit.chunk)) for hit in found]
            step.facts.update(characters=before, kept=sum(len(hit.chunk.text) for hit in found))
        return found


def _placed(found: Sequence[Candidate], k: int) -> list[Hit]:
    """The best hit of each place that is read: of a parent's children only the best one counts."""
    best: dict[Place, Candidate] = {}
    for one in found:
        if one.chunk and len(best) < k:
            best.setdefault(place(one.chunk), one)
    return as_hits(list(best.values()))


def _tabular(chunk: Chunk) -> bool:
    return any(span.kind == "table" and span.start < chunk.end and span.end > chunk.start for span in chunk.spans)
