"""From a question to an answer: search, fuse, build the prompt, ask a model, check what it said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ragstone.errors import UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.index import Index
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile
from ragstone.retrieval import fuse, where
from ragstone.retrieval.search import dense, hybrid, lexical
from ragstone.text.analyzer import query_terms
from ragstone.types import Answer, Completion, Context, Delta, Filter, Hit, Message, Prompt, Scored
from ragstone.validation.grounding import cite

__all__ = ["AnswerPipeline"]

MAX_K = 1000


class AnswerPipeline:
    """Answers from one index. `prompt_file` loads a prompt by name: an edit counts from the next question on."""

    def __init__(
        self,
        index: Index,
        router: Router,
        *,
        prompt: str,
        prompt_file: Callable[[str], PromptFile],
        retrieve: RetrieveSpec,
    ) -> None:
        self.index, self.router, self.retrieve = index, router, retrieve
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
        if not question.strip():
            raise UsageError("the question is empty", hint="Write what you want to know.")
        if not 1 <= k <= MAX_K:
            raise UsageError("k is out of range", expected=f"1 to {MAX_K}", found=str(k))
        condition = where.parse(filters or {})
        with context.trace.step("retrieve", mode=self.retrieve.mode, k=k) as step:
            counts = await asyncio.to_thread(self.index.state.counts, self.index.name, tenant=self.index.tenant)
            if not counts["documents"]:
                step.facts["note"] = "the index is empty"
                return []
            await self.index.load()
            condition = where.required(condition, await self._permission(context))
            ranked = self._fused(await self._lists(question, max(k, self.retrieve.candidates), condition, context))
            hits = await self._hits(ranked, k, context)
            step.facts["found"] = len(hits)
        return hits

    async def _permission(self, context: Context) -> Filter | None:
        state, index = self.index.state, self.index
        protected = await asyncio.to_thread(state.protected, index.name, tenant=index.tenant)
        return where.allowed(context.principals) if protected else None

    async def _lists(
        self, question: str, k: int, condition: Filter | None, context: Context
    ) -> Mapping[str, Sequence[Scored]]:
        index, mode = self.index, self.retrieve.mode
        if mode != "lexical":
            await index.require_vectors()
        if mode == "dense":
            found = await dense(
                question, embedder=index.embedder, store=index.store, k=k, where=condition, context=context
            )
            return {"dense": found}
        languages = await asyncio.to_thread(index.state.languages, index.name, tenant=index.tenant)
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

    def _fused(self, lists: Mapping[str, Sequence[Scored]]) -> list[tuple[str, dict[str, float]]]:
        if self.retrieve.fusion == "rrf":
            return fuse.reciprocal_rank(lists)
        weight = self.retrieve.dense_weight
        return fuse.convex(lists, weights={"dense": weight, "lexical": 1 - weight})

    async def _hits(self, ranked: Sequence[tuple[str, dict[str, float]]], k: int, context: Context) -> list[Hit]:
        chunks = await self.index.chunks([id_ for id_, _ in ranked])
        seen = {"public", *context.principals}
        # The stores have filtered already. The state is asked once more, since it knows of a revocation first.
        visible = [(chunks[id_], scores) for id_, scores in ranked if id_ in chunks and seen & set(chunks[id_].acl)]
        return [Hit(chunk, rank, scores) for rank, (chunk, scores) in enumerate(visible[:k], 1)]

    # ── Answer ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def build(
        self,
        question: str,
        hits: Sequence[Hit],
        *,
        prompt: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        history: Sequence[Message] = (),
    ) -> Prompt:
        """The prompt exactly as it would be sent."""
        file = self._prompt_file(prompt or self.prompt)
        return build(file, {"question": question, **(inputs or {})}, hits=hits, history=history)

    def example(self, prompt: str | None = None) -> str:
        """The question that the prompt file gives as an example. Raises UsageError when it gives none."""
        file = self._prompt_file(prompt or self.prompt)
        found = next((given.example for given in file.inputs if given.name == "question"), None)
        if not isinstance(found, str):
            raise UsageError("no question", where=f"prompt {file.name!r}", hint="Add: --set question=…")
        return found

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
    ) -> AsyncIterator[Delta | Answer]:
        """The answer as it is said, then the checked answer itself, last.

        `query` is what is searched for, where a follow-up question does not say it by itself.
        """
        self.router.require()
        self._prompt_file(prompt or self.prompt)  # a broken file is reported before anything is searched
        hits = await self.search(query or question, k=k, filters=filters, context=context)
        with context.trace.step("prompt") as step:
            built = self.build(question, hits, prompt=prompt, inputs=inputs, history=history)
            step.facts.update(name=built.name, version=built.version, messages=len(built.messages))
        completion: Completion | None = None
        async for delta in self._completed(built, context):
            completion = delta.completion or completion
            if delta.text:
                yield Delta(delta.text)
        assert completion is not None, "a model's last delta carries its completion"
        yield self._answer(built, hits, completion, context)

    async def _completed(self, prompt: Prompt, context: Context) -> AsyncIterator[Delta]:
        slot = prompt.slot("retrieved")
        if slot is not None and not slot.hits and prompt.abstain is not None:
            # With nothing found a model could only make something up, or say what the prompt file says here.
            notice = "Nothing was found for this question, so no model was asked."
            yield Delta(prompt.abstain, Completion(text=prompt.abstain, model="none", abstained=True, notice=notice))
            return
        async for delta in self.router.stream(prompt, context=context):
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
            verdicts=(verdict,),
            notices=tuple(completion.notice.splitlines()) if completion.notice else (),
        )


def _says(text: str, words: str | None) -> bool:
    return words is not None and text.strip().rstrip(".").casefold() == words.strip().rstrip(".").casefold()
