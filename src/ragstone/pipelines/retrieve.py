"""From a question to candidates in their best order: search, fuse, rerank, smooth, diversify.

What is read in place of them (parents, neighbours, the sentences that matter) is for shape.py to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ragstone.compact import product
from ragstone.errors import EmbedderError, ModelError, StoreUnavailable, UsageError
from ragstone.pipelines.beside import together
from ragstone.pipelines.index import Index
from ragstone.pipelines.spec import INTERACTION, RetrieveSpec
from ragstone.protocols import Reranker
from ragstone.retrieval import diversify, fuse, rerank, where
from ragstone.retrieval.interaction import Asking, interact, rarity, words
from ragstone.retrieval.pack import CHARACTERS
from ragstone.retrieval.rewrite import Query
from ragstone.retrieval.search import SHOWN, both, dense, lexical, note
from ragstone.text.analyzer import query_language, query_terms
from ragstone.text.language import UNKNOWN, detect
from ragstone.trace import Step
from ragstone.types import Chunk, Context, Filter, Hit, Scored

if TYPE_CHECKING:
    from ragstone.caching.tokens import Kept
    from ragstone.compact import Compact
    from ragstone.state.sqlite import Facts
    from ragstone.types import Matrix, Vector

__all__ = ["FINAL", "MAX_K", "Asked", "Candidate", "Ranking", "as_hits", "check", "check_k", "own"]

MAX_K = 1000
UNREAD = 0.2
"""The most that dense search weighs for a question in a language that the embedder does not read: what is near there is
near by chance."""

FINAL = "final"  # the name of the score that hits are ordered by
LONGEST, MOST_TOKENS = 1024, 512
"""Tokens of a question that the embedder reads, and that late interaction does: of a pasted book the beginning."""

SMOOTHED = 70
"""Candidates whose scores are smoothed; with 40 to 100 of them nDCG@10 differs by a few tenths either way."""


@dataclass(slots=True)
class Asked:
    """A question on its way; `text` is as much of it as is read.

    Its vector and the compact rows of its tokens are made once, when they are needed.
    """

    text: str
    facts: Facts  # of the index when it was asked
    language: str  # that in which it is analysed
    read: bool  # whether the embedder reads its language
    terms: Sequence[str]
    vector: Vector | None = None
    rows: Compact | None = None
    weights: Sequence[float] | None = None  # of its tokens
    asking: Asking | None = None
    kept: dict[str, Kept] = field(default_factory=dict[str, "Kept"], repr=False)  # by chunk, what was read of tokens
    chunks: dict[str, Chunk] = field(default_factory=dict[str, Chunk], repr=False)  # those that were read
    wordy: bool = False  # whether only words are searched, since the vector store is down
    semantic: bool = True  # whether it is embedded
    query: Query | None = None  # what it is, if it is searched for beside the question itself
    others: list[Asked] = field(default_factory=list["Asked"], repr=False)  # what is searched for beside it


@dataclass(slots=True)
class Candidate:
    """A chunk with its scores by name; `score` is the one that counts last."""

    id: str
    scores: dict[str, float]
    chunk: Chunk | None = None
    vector: Vector | None = field(default=None, repr=False)
    score: float = 0.0


class Ranking:
    """Finds and orders. `reranker` is the connector that the pipeline names; None for late interaction or nothing."""

    def __init__(self, index: Index, spec: RetrieveSpec, *, reranker: Reranker | None = None) -> None:
        self.index, self.spec, self.reranker = index, spec, reranker

    async def ask(self, question: str, facts: Facts, context: Context, *, others: Sequence[Query] = ()) -> Asked:
        """What there is to know of a question before anything is searched, and of what is searched for beside it."""
        whole = await self._load()
        asked = await self._asked(question, facts, context, whole=whole)
        for query in others:
            beside = await self._asked(query.text, facts, context, whole=whole)
            beside.query, beside.chunks = query, asked.chunks
            asked.others.append(beside)
        return asked

    async def _asked(self, question: str, facts: Facts, context: Context, *, whole: bool) -> Asked:
        languages = facts.languages
        known = self.index.embedder.languages
        language = detect(question, among=languages)
        read = known is None or language in {*known, UNKNOWN}
        analysed = query_language(question, languages)
        terms = query_terms(question, languages=languages)
        text = question
        if len(question) > LONGEST:  # hardly any token is shorter than a character
            with context.trace.step("retrieve.cut", characters=len(question)) as step:
                text = await asyncio.to_thread(self._beginning, question)
                step.facts["read"] = len(text)
        semantic = whole and self.spec.mode != "lexical"
        return Asked(text, facts, analysed, read, terms, wordy=not whole, semantic=semantic)

    async def rank(
        self, asked: Asked, *, k: int, filters: Mapping[str, Any] | None, context: Context
    ) -> list[Candidate]:
        """The candidates that the caller may see, best first, each with its chunk: k of them or more, if there are."""
        permitted = where.allowed(context.principals) if asked.facts.protected else None
        condition = where.required(where.parse(filters or {}), permitted)
        most = max(k, self.spec.candidates)
        one = partial(self._ranked, k=most, condition=condition, context=context)
        fused = await together(asked, one, self.index.embedder, context) if asked.others else await one(asked)
        found = [Candidate(id_, scores, asked.chunks[id_], score=scores["fused"]) for id_, scores in fused[:most]]
        # A reranker of its own has the last word; late interaction is one measure beside others, smoothed with them.
        stages = [self._smoothed, self._reranked] if self.reranker else [self._reranked, self._smoothed]
        for stage in stages:
            found = await stage(asked, found, context)
        return await self._diverse(asked, found, k, context)

    async def _ranked(self, asked: Asked, *, k: int, condition: Filter | None, context: Context) -> fuse.Fused:
        """What one query finds, as far as the caller may see it."""
        lists = await self._lists(asked, k, condition, context)
        return self._fused(asked, await self._seen(asked, lists, context), context)

    def _beginning(self, question: str) -> str:
        """As much of a question as is read: to embed a hundred pages would take half a minute."""
        try:
            _, ranges = self.index.embedder.tokens(question)
        except EmbedderError:  # it has no tokenizer
            return question[: LONGEST * CHARACTERS]
        return question[: ranges[LONGEST - 1][1]] if len(ranges) > LONGEST else question

    async def _load(self) -> bool:
        """Starts every part. False where the vector store is down, and this pipeline can do without."""
        try:
            await self.index.load()
        except StoreUnavailable:
            if self.spec.mode == "dense" or (self.spec.mode == "hybrid" and not self.spec.lexical_only):
                raise
            await asyncio.gather(self.index.embedder.load(), self.index.lexical.load())
            return False
        return True

    # ── Search ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _lists(
        self, asked: Asked, k: int, condition: Filter | None, context: Context
    ) -> Mapping[str, Sequence[Scored]]:
        index, mode = self.index, self.spec.mode
        if asked.query is not None and asked.query.passage:  # its words are made up, so none of them is looked for
            if mode == "lexical" or asked.wordy:
                return {}
            return {"dense": await self._dense(asked, k, condition, context)}
        if mode == "lexical":
            return {"lexical": await self._lexical(asked, k, condition, context)}
        index.require_vectors(asked.facts)
        if asked.wordy:
            return await self._words_alone(asked, k, condition, context)
        if mode == "dense":
            near, _ = await asyncio.gather(self._dense(asked, k, condition, context), self._weigh(asked, context))
            return {"dense": near}
        try:
            if index.store.joins(index.lexical):
                vector, _ = await asyncio.gather(self._vector(asked, context), self._weigh(asked, context))
                near, matching = await both(
                    vector,
                    asked.terms,
                    store=index.store,
                    index=index.lexical,
                    k=k,
                    where=condition,
                    context=context,
                )
                return {"dense": near, "lexical": matching}
            near, matching, _ = await asyncio.gather(
                self._dense(asked, k, condition, context),
                self._lexical(asked, k, condition, context),
                self._weigh(asked, context),
            )
        except StoreUnavailable:
            if not self.spec.lexical_only:
                raise
            asked.wordy = True
            return await self._words_alone(asked, k, condition, context)
        return {"dense": near, "lexical": matching}

    async def _words_alone(
        self, asked: Asked, k: int, condition: Filter | None, context: Context
    ) -> Mapping[str, Sequence[Scored]]:
        with context.trace.step("retrieve.fallback", note="the vector store is down: only words were searched"):
            return {"lexical": await self._lexical(asked, k, condition, context)}

    async def _dense(self, asked: Asked, k: int, condition: Filter | None, context: Context) -> Sequence[Scored]:
        vector = await self._vector(asked, context)
        return await dense(vector, store=self.index.store, k=k, where=condition, context=context)

    async def _weigh(self, asked: Asked, context: Context) -> None:
        """What late interaction and trimming need of the question's words, made while it is embedded."""
        if asked.query is None and asked.weights is None and (self._interacts(asked) or (self.trims and asked.read)):
            asked.weights = await self._weights(asked, context)

    async def _lexical(self, asked: Asked, k: int, condition: Filter | None, context: Context) -> Sequence[Scored]:
        found = await lexical(asked.terms, index=self.index.lexical, k=k, where=condition, context=context)
        await self._read(asked, found)  # while the question is still embedded
        return found

    async def _read(self, asked: Asked, *lists: Sequence[Scored]) -> None:
        """Reads the chunks of what was found, each once."""
        wanted = {one.id: None for found in lists for one in found if one.id not in asked.chunks}
        if wanted:
            asked.chunks |= await self.index.chunks(list(wanted))

    async def _vector(self, asked: Asked, context: Context) -> Vector:
        if asked.vector is None:
            await self.embed(asked, context)
        assert asked.vector is not None
        return asked.vector

    async def embed(self, asked: Asked, context: Context) -> None:
        """Embeds a question: once, its token vectors in the same pass where they will be needed."""
        with context.trace.step("retrieve.embed"):
            if self.index.tokens is not None and (self._interacts(asked) or self.trims):
                asked.vector, rows = await self.index.tokens.question(asked.text, context=context)
                asked.rows = rows[:MOST_TOKENS]
            else:
                asked.vector = await self.index.embedder.embed_query(asked.text, context=context)

    @property
    def trims(self) -> bool:
        """Whether hits are cut down, where the embedder reads the question."""
        return self.spec.trim > 0 and self.index.tokens is not None

    def _interacts(self, asked: Asked) -> bool:
        spec = self.spec.rerank
        return spec is not None and spec.by == INTERACTION and self.index.tokens is not None and asked.read

    async def _seen(
        self, asked: Asked, lists: Mapping[str, Sequence[Scored]], context: Context
    ) -> Mapping[str, Sequence[Scored]]:
        """What of the lists the caller may see.

        They are read from the state, which is asked once more who may see them: it knows of a revocation first. What it
        keeps back must reach neither the scores of the others nor the trace, so this comes before fusion.
        """
        with context.trace.step("retrieve.read"):
            await self._read(asked, *lists.values())
        seen = {"public", *context.principals}
        chunks = {id_ for id_, chunk in asked.chunks.items() if not seen.isdisjoint(chunk.acl)}
        kept = {name: [one for one in found if one.id in chunks] for name, found in lists.items()}
        for name, found in kept.items():
            with context.trace.step(f"retrieve.{name}.seen") as step:
                note(step, found, len(found))
        return kept

    # ── Fuse ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fused(self, asked: Asked, lists: Mapping[str, Sequence[Scored]], context: Context) -> fuse.Fused:
        with context.trace.step("retrieve.fuse", by=self.spec.fusion) as step:
            if self.spec.fusion == "rrf":
                fused = fuse.reciprocal_rank(lists)
            else:
                weight = self.spec.dense_weight if asked.read else min(self.spec.dense_weight, UNREAD)
                step.facts["dense_weight"] = weight
                weight = weight if len(lists) > 1 else 0.5  # one list alone keeps its own order
                fused = fuse.convex(lists, weights={"dense": weight, "lexical": 1 - weight})
            note(step, [Scored(id_, scores["fused"]) for id_, scores in fused[:SHOWN]], len(fused))
        return fused

    # ── Rerank and smooth ────────────────────────────────────────────────────────────────────────────────────────────

    async def _reranked(self, asked: Asked, found: list[Candidate], context: Context) -> list[Candidate]:
        spec = self.spec.rerank
        if spec is None or len(found) < 2 or (self.reranker is None and not self._interacts(asked)):
            return found
        with context.trace.step("retrieve.rerank", by=spec.by) as step:
            if self.reranker is None and await self.index.count(context) > spec.limit:
                step.facts["note"] = f"more than {spec.limit:,} chunks: no late interaction"
                return found
            top = found[: spec.top]
            try:
                scores = await self._scores(asked, found, context)
            except ModelError as error:
                if not (spec.optional and error.retryable):
                    raise
                step.facts["note"] = f"not reranked: {error}"
                return found
            for one, score in zip(top, scores, strict=True):
                one.scores["rerank"] = float(score)
            best = sorted(top, key=lambda one: (-one.scores["rerank"], one.id))[:SHOWN]
            step.facts["rerank"] = [[one.id, round(one.scores["rerank"], 4)] for one in best]
            mixed = rerank.mixed([one.score for one in found], scores, weight=spec.weight)
            return _ordered(found, mixed, step)

    async def _scores(self, asked: Asked, found: Sequence[Candidate], context: Context) -> Sequence[float]:
        """The scores of the first `top`; late interaction brings the vectors of all that will be smoothed."""
        assert self.spec.rerank is not None
        top = self.spec.rerank.top
        if self.reranker is not None:
            return await self.reranker.scores(asked.text, _texts(found[:top]), context=context)
        asking = await self.asking(asked, context)
        read = found[: max(top, SMOOTHED)]
        kept = await self.kept(asked, [one.chunk for one in read if one.chunk], context)
        for one, own in zip(read, kept, strict=True):
            one.vector = own.vector
        return (await asyncio.to_thread(interact, asking, [own.rows for own in kept[:top]])).tolist()

    async def asking(self, asked: Asked, context: Context) -> Asking:
        """A question's tokens and terms, each with its weight: how rare its word is in the index."""
        if asked.asking is None:
            if asked.rows is None:
                await self.embed(asked, context)
            assert asked.rows is not None
            weights = await self._weights(asked, context) if asked.weights is None else asked.weights
            asked.asking = Asking(asked.rows, weights, frozenset(asked.terms))
        return asked.asking

    async def _weights(self, asked: Asked, context: Context) -> Sequence[float]:
        _, ranges = await asyncio.to_thread(self.index.embedder.tokens, asked.text)
        found = words(asked.text, ranges[:MOST_TOKENS])
        terms = {word: query_terms(word, languages=[asked.language]) for word in set(found)}
        every = sorted({term for own in terms.values() for term in own})
        frequencies = await self.index.lexical.frequencies(every, context=context)
        total = await self.index.count(context)
        rare = {term: rarity(frequencies.get(term, 0), total) for term in every}
        return [max((rare[term] for term in terms[word]), default=0.0) for word in found]

    async def kept(self, asked: Asked, chunks: Sequence[Chunk], context: Context) -> list[Kept]:
        """What is kept of the tokens of found chunks, each read once."""
        assert self.index.tokens is not None
        missing = [chunk for chunk in chunks if chunk.id not in asked.kept]
        if missing:
            read = await self.index.tokens.kept([chunk.embedded for chunk in missing], context=context)
            asked.kept |= {chunk.id: own for chunk, own in zip(missing, read, strict=True)}
        return [asked.kept[chunk.id] for chunk in chunks]

    async def _smoothed(self, asked: Asked, found: list[Candidate], context: Context) -> list[Candidate]:
        weight = self.spec.smooth
        if not weight or len(found) < 3 or self.spec.mode == "lexical" or asked.wordy or not asked.read:
            return found
        with context.trace.step("retrieve.smooth", weight=weight) as step:
            top = found[:SMOOTHED]
            near = await self._vectors(asked, top, context)
            smooth = rerank.smoothed([one.score for one in top], near, weight=weight)  # sooner than a thread begins
            worst = min(smooth)
            rest = [min(one.score, worst) for one in found[len(top) :]]
            return _ordered(found, [*smooth, *rest], step)

    async def _vectors(self, asked: Asked, top: Sequence[Candidate], context: Context) -> Matrix:
        """The vectors of candidates, in their order: those that were read already, the others from the store.

        Where neither has one it is 0, which is like nothing.
        """
        import numpy as np

        missing = [] if asked.wordy else [one.id for one in top if one.vector is None]
        found: Mapping[str, Vector] = await self.index.store.vectors(missing, context=context) if missing else {}
        nothing = np.zeros(self.index.embedder.dimensions, np.float32)
        for one in top:
            if one.vector is None:
                one.vector = found.get(one.id, nothing)
        return np.stack([nothing if one.vector is None else one.vector for one in top])

    def _near(self, found: Sequence[Candidate]) -> Matrix | None:
        """The cosines between the first candidates, those whose vectors were read anyway."""
        import numpy as np

        known = takewhile(lambda vector: vector is not None, (one.vector for one in found))
        vectors = [vector for vector in known if vector is not None]
        if not vectors:
            return None
        stacked = np.stack(vectors)
        return product(stacked, np.ascontiguousarray(stacked.T))

    # ── Diversify ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _diverse(self, asked: Asked, found: list[Candidate], k: int, context: Context) -> list[Candidate]:
        spec = self.spec.diversify
        with context.trace.step("retrieve.diversify") as step:
            before = len(found)
            if spec.per_document is not None:
                documents = [one.chunk.document_id for one in found if one.chunk]
                found = [found[at] for at in diversify.capped(documents, most=spec.per_document)]
            if spec.mmr and len(found) > 1:
                near = await self._vectors(asked, found, context)
                scores = [one.score for one in found]
                found = [found[at] for at in diversify.marginal(scores, near, weight=spec.mmr, k=len(found))]
            if spec.duplicates is not None:
                texts = [one.chunk.text for one in found if one.chunk]
                most = 2 * k if any(one.chunk and one.chunk.parent for one in found) else k  # siblings share a parent
                kept = [*range(most)]  # mostly, and then no thread is begun to find that out
                if not diversify.apart(self._near(found[:most]), most=most):
                    kept = await asyncio.to_thread(
                        diversify.distinct, texts, alike=spec.duplicates, near=self._near(found), most=most
                    )
                rest = found[kept[-1] + 1 :] if len(kept) == most else []
                found = [found[at] for at in kept] + rest
            step.facts["dropped"] = before - len(found)
            note(step, [Scored(one.id, one.score) for one in found[:SHOWN]], len(found))
        return found


def check(question: object) -> None:
    """Raises UsageError for what is no question: no text, no word, or half a character."""
    if not isinstance(question, str):
        raise UsageError("the question is no text", expected="text", found=type(question).__name__)
    if not question.strip():
        raise UsageError("the question is empty", hint="Write what you want to know.")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the question holds half a character", found=repr(question[error.start])) from None


def check_k(k: object) -> None:
    """Raises UsageError for what is no number of hits."""
    if isinstance(k, bool) or not isinstance(k, int):
        raise UsageError("k is no whole number", expected=f"1 to {MAX_K}", found=repr(k)[:40])
    if not 1 <= k <= MAX_K:
        raise UsageError("k is out of range", expected=f"1 to {MAX_K}", found=str(k)[:40])


def _texts(found: Sequence[Candidate]) -> list[str]:
    return [one.chunk.embedded for one in found if one.chunk]


def as_hits(found: Sequence[Candidate]) -> list[Hit]:
    """Candidates as hits, ranked in their order."""
    return [
        Hit(own(one.chunk), rank, {**one.scores, FINAL: one.score}) for rank, one in enumerate(found, 1) if one.chunk
    ]


def own(chunk: Chunk) -> Chunk:
    """The chunk with metadata of its own: the state keeps chunks in memory, and whoever gets one may write into it."""
    return replace(chunk, metadata=dict(chunk.metadata))


def _ordered(found: Sequence[Candidate], scores: Sequence[float], step: Step) -> list[Candidate]:
    """The candidates by new scores; equal ones as the search had them, then by id: one index gives one order."""
    for one, score in zip(found, scores, strict=True):
        one.score = score
    ordered = sorted(found, key=lambda one: (-one.score, -one.scores["fused"], one.id))
    note(step, [Scored(one.id, one.score) for one in ordered[:SHOWN]], len(ordered))
    return ordered
