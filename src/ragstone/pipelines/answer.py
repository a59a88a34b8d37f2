"""From a question to an answer: search, fuse, build the prompt, ask a model, check what it said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ragstone.errors import UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.index import Index
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile
from ragstone.retrieval import fuse, where
from ragstone.retrieval.expand import Place, expand, place
from ragstone.retrieval.search import dense, hybrid, lexical
from ragstone.text.analyzer import query_terms
from ragstone.text.language import UNKNOWN, detect
from ragstone.types import Answer, Completion, Context, Delta, Document, Filter, Hit, Message, Prompt, Scored
from ragstone.validation.grounding import cite

__all__ = ["AnswerPipeline"]

MAX_K = 1000
UNREAD = 0.2
"""The most that dense search weighs for a question in a language that the embedder does not read: what is near there is
near by chance."""


class AnswerPipeline:
    """Answers from one index.

    `prompt_file` loads a prompt by name: an edit counts from the next question on. `timeout` is what the models of the
    route have to answer, in seconds, all tries together.
    """

    def __init__(
        self,
        index: Index,
        router: Router,
        *,
        prompt: str,
        prompt_file: Callable[[str], PromptFile],
        retrieve: RetrieveSpec,
        timeout: float = 120.0,
        checks: Sequence[str] = ("citations",),
    ) -> None:
        self.index, self.router, self.retrieve = index, router, retrieve
        self.timeout, self.checks = timeout, checks
        self.prompt, self._prompt_file = prompt, prompt_file

    # ── Search ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def search(
        self,
        question: str,
        *,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        context: Context,
    ) -> list[Hit]:
        """The best k chunks that the caller may see. Raises UsageError for a blank question or a k out of range."""
        k = self.retrieve.k if k is None else k
        _check(question)
        if not 1 <= k <= MAX_K:
            raise UsageError("k is out of range", expected=f"1 to {MAX_K}", found=str(k))
        condition = where.parse(filters or {})
        with context.trace.step("retrieve", mode=self.retrieve.mode, k=k) as step:
            if await self.empty():
                step.facts["note"] = "the index is empty"
                return []
            await self.index.load()
            condition = where.required(condition, await self._permission(context))
            languages = await asyncio.to_thread(self.index.state.languages, self.index.key, tenant=self.index.tenant)
            wanted = max(k, self.retrieve.candidates)
            lists = await self._lists(question, languages, wanted, condition, context)
            weight = step.facts["dense_weight"] = self._dense_weight(question, languages)
            ranked = self._fused(lists, weight)
            hits = await self._hits(ranked, k, context)
            step.facts["found"] = len(hits)
        return hits

    async def _permission(self, context: Context) -> Filter | None:
        state, index = self.index.state, self.index
        protected = await asyncio.to_thread(state.protected, index.key, tenant=index.tenant)
        return where.allowed(context.principals) if protected else None

    async def _lists(
        self, question: str, languages: Sequence[str], k: int, condition: Filter | None, context: Context
    ) -> Mapping[str, Sequence[Scored]]:
        index, mode = self.index, self.retrieve.mode
        if mode != "lexical":
            await index.require_vectors()
        if mode == "dense":
            found = await dense(
                question, embedder=index.embedder, store=index.store, k=k, where=condition, context=context
            )
            return {"dense": found}
        terms = query_terms(question, languages=languages)
        if mode == "lexical":
            return {"lexical": await lexical(terms, index=index.lexical, k=k, where=condition, context=context)}
        return await hybrid(
            question,
            terms,
            embedder=index.embedder,
            store=index.store,
            index=index.lexical,
            k=k,
            where=condition,
            context=context,
        )

    def _dense_weight(self, question: str, languages: Sequence[str]) -> float:
        known = self.index.embedder.languages
        if known is None or detect(question, among=languages) in {*known, UNKNOWN}:
            return self.retrieve.dense_weight
        return min(self.retrieve.dense_weight, UNREAD)

    def _fused(self, lists: Mapping[str, Sequence[Scored]], weight: float) -> list[tuple[str, dict[str, float]]]:
        if self.retrieve.fusion == "rrf":
            return fuse.reciprocal_rank(lists)
        weight = weight if len(lists) > 1 else 0.5  # one list alone keeps its own order
        return fuse.convex(lists, weights={"dense": weight, "lexical": 1 - weight})

    async def _hits(self, ranked: Sequence[tuple[str, dict[str, float]]], k: int, context: Context) -> list[Hit]:
        seen, hits, places = {"public", *context.principals}, list[Hit](), set[Place]()
        for first in range(0, len(ranked), k):
            part = ranked[first : first + k]
            chunks = await self.index.chunks([id_ for id_, _ in part])
            for id_, scores in part:
                # The stores have filtered already. The state is asked once more: it knows of a revocation first.
                if id_ not in chunks or not seen & set(chunks[id_].acl) or len(hits) == k:
                    continue
                if (found := place(chunks[id_])) not in places:  # of a parent's children the best one counts
                    places.add(found)
                    hits.append(Hit(chunks[id_], len(hits) + 1, scores))
            if len(hits) == k:
                break
        wanted = {hit.chunk.document_id for hit in hits if hit.chunk.parent}
        documents = [await self.document(each, context=context) for each in sorted(wanted)]
        return expand(hits, {document.id: document for document in documents if document})

    # ── Answer ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def file(self, name: str | None = None) -> PromptFile:
        """The prompt file as it stands now."""
        return await asyncio.to_thread(self._prompt_file, name or self.prompt)

    async def explain(
        self,
        question: str | None,
        *,
        prompt: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        context: Context,
    ) -> Prompt:
        """The prompt exactly as it would be sent; without a question, for the file's own example of one."""
        file = await self.file(prompt)
        asked = _example(file) if question is None else question
        hits = await self.search(asked, k=k, filters=filters, context=context)
        return await asyncio.to_thread(build, file, {**(inputs or {}), "question": asked}, hits=hits)

    async def document(self, document_id: str, *, context: Context) -> Document | None:
        """One document, where the caller may see it."""
        state, index = self.index.state, self.index
        found = await asyncio.to_thread(state.document, index.key, document_id, tenant=index.tenant)
        return found if found and {"public", *context.principals} & set(found.acl) else None

    async def empty(self) -> bool:
        """Whether nothing was ingested."""
        return await asyncio.to_thread(self.index.state.empty, self.index.key, tenant=self.index.tenant)

    async def stream(
        self,
        question: str,
        *,
        query: str | None = None,
        prompt: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        history: Sequence[Message] = (),
        context: Context,
    ) -> AsyncGenerator[Delta | Answer]:
        """The answer as it is said, then the checked answer itself, last.

        `query` is what is searched for, where a follow-up question does not say it by itself.
        """
        self.router.require()
        _check(question)
        file = await self.file(prompt)  # a broken one is reported before anything is searched
        hits = await self.search(query or question, k=k, filters=filters, context=context)
        with context.trace.step("prompt") as step:
            values = {**(inputs or {}), "question": question}
            built = await asyncio.to_thread(build, file, values, hits=hits, history=history)
            step.facts.update(name=built.name, version=built.version, messages=len(built.messages))
        completion: Completion | None = None
        async with aclosing(self._completed(built, context.within(self.timeout))) as deltas:
            async for delta in deltas:
                completion = delta.completion or completion
                if delta.text:
                    yield Delta(delta.text)
        assert completion is not None, "a model's last delta carries its completion"
        yield await asyncio.to_thread(self._answer, built, hits, completion, context)

    async def _completed(self, prompt: Prompt, context: Context) -> AsyncGenerator[Delta]:
        slot = prompt.slot("retrieved")
        if slot is not None and not slot.hits and prompt.abstain is not None:
            # With nothing found a model could only make something up, or say what the prompt file says here.
            notice = "Nothing was found for this question, so no model was asked."
            if await self.empty():
                notice = "Nothing was ingested yet. Run: ragstone ingest"
            yield Delta(prompt.abstain, Completion(text=prompt.abstain, model="none", abstained=True, notice=notice))
            return
        async with aclosing(self.router.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                yield delta

    def _answer(self, prompt: Prompt, hits: Sequence[Hit], completion: Completion, context: Context) -> Answer:
        abstained = completion.abstained or _says(completion.text, prompt.abstain)
        with context.trace.step("check.citations") as step:
            slot = prompt.slot("retrieved")
            text, citations, verdict = cite(completion.text, slot.hits if slot else ())
            if abstained:
                citations, verdict = (), replace(verdict, passed=True, reason="abstained")
            step.facts.update(passed=verdict.passed, reason=verdict.reason, citations=len(citations))
        return Answer(
            text=text,
            abstained=abstained,
            citations=citations,
            hits=tuple(hits),
            prompt=prompt,
            completion=completion,
            trace_id=context.trace.id,
            verdicts=(verdict,) if "citations" in self.checks else (),
            notices=tuple(completion.notice.splitlines()) if completion.notice else (),
        )


def _check(question: str) -> None:
    if not question.strip():
        raise UsageError("the question is empty", hint="Write what you want to know.")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the question holds half a character", found=repr(question[error.start])) from None


def _example(file: PromptFile) -> str:
    """The question that a prompt file gives as an example."""
    found = next((given.example for given in file.inputs if given.name == "question"), None)
    if not isinstance(found, str):
        raise UsageError("no question", where=f"prompt {file.name!r}", hint="Add: --set question=…")
    return found


def _says(text: str, words: str | None) -> bool:
    return words is not None and text.strip().rstrip(".").casefold() == words.strip().rstrip(".").casefold()
