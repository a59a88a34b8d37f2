"""From a question to an answer: search, fuse, build the prompt, ask a model, check what it said."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

from ragstone.asked import Asked
from ragstone.errors import UsageError
from ragstone.inference.choosing import Choices
from ragstone.inference.router import Router
from ragstone.labels import trust_of
from ragstone.pipelines.digest import Digest
from ragstone.pipelines.displayed import displayed
from ragstone.pipelines.finishing import Said, answered
from ragstone.pipelines.guards import NO_GUARDS, Guards, Seen
from ragstone.pipelines.index import Index
from ragstone.pipelines.layered import layered
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.lookups import NO_LOOKUPS, Lookups
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.remembered import CachedAnswers, Semantic
from ragstone.pipelines.request import NO_MODEL, Request
from ragstone.pipelines.retrieve import check
from ragstone.pipelines.rewriting import Rewriter, Rewritten, with_calls
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.saying import Saying, asked_again
from ragstone.pipelines.searching import Searching, check_search
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.pipelines.tools import MOST_FOUND, SearchTool, Tools, built_in, taken
from ragstone.prompts.classes import with_class, with_options
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.solving import Outcome
from ragstone.prompts.retrieving import sought
from ragstone.protocols import Embedder, Reranker, Tool
from ragstone.types import Answer, Completion, Context, Delta, Document, Hit, Message, Options, Prompt, Verdict

__all__ = ["AnswerPipeline"]


REFRAINED = "This is not answered: a check does not allow it."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What an answer is made from: the passages that may be read, what was looked up, and what that took."""

    hits: tuple[Hit, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    completions: Sequence[Completion] = ()
    notices: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    refrains: bool = False


class AnswerPipeline(Searching):
    """Answers from one index, and searches it.

    `prompt_file` gives a prompt by name: an edit counts from the next question on. `chat` names the one for questions
    of a conversation. `timeout` is what the models of the route have to answer, in seconds, all tries together.
    `embedder` reads the examples of prompts; the index's does, if none is given. `semantic` remembers questions, so
    that others which mean the same are answered as they were. A pipeline `sorts` where the passages say which models
    may be asked, as `confidential` finds. `begin` has caches start while passages are searched for. `limits` are those
    of each request.
    """

    def __init__(
        self,
        index: Index,
        router: Router,
        *,
        prompt: str,
        chat: str = "chat",
        prompt_file: Callable[[str], PromptFile],
        retrieve: RetrieveSpec,
        reranker: Reranker | None = None,
        timeout: float = 120.0,
        limits: Limits = LIMITS,
        guards: Guards = NO_GUARDS,
        embedder: Embedder | None = None,
        lookups: Lookups = NO_LOOKUPS,
        tool: Callable[[str], Tool | None] = built_in,
        confidential: Callable[[Iterable[Hit]], bool] = lambda _: False,
        sorts: bool = False,
        semantic: Semantic | None = None,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self.confidential, self.sorts, self._begin = confidential, sorts, begin
        super().__init__(index, retrieve, reranker=reranker, limits=limits)
        self.router, self.timeout, self.guards, self.lookups = router, timeout, guards, lookups
        self.rewriter = Rewriter(router, prompt_file, lookups=lookups, timeout=timeout, limits=limits)
        self.digest = Digest(router, prompt_file, lookups=lookups, timeout=timeout, limits=limits)
        self.prompt, self.chat, self._prompt_file = prompt, chat, prompt_file
        self._embedder, self._tool = embedder, tool
        self.remembered = (
            CachedAnswers(semantic, index=index, router=router, retrieve=retrieve) if semantic is not None else None
        )

    def using(self, retrieve: RetrieveSpec | None = None, *, router: Router | None = None) -> AnswerPipeline:
        """The same pipeline with another way to find passages, or with other models, over the same index.

        What is measured so remembers no questions.
        """
        return AnswerPipeline(
            self.index,
            router or self.router,
            prompt=self.prompt,
            chat=self.chat,
            prompt_file=self._prompt_file,
            retrieve=retrieve or self.retrieve,
            reranker=self.ranking.reranker,
            timeout=self.timeout,
            limits=self.limits,
            guards=self.guards,
            embedder=self._embedder,
            lookups=self.lookups,
            tool=self._tool,
            confidential=self.confidential,
            sorts=self.sorts,
        )

    # ── Answer ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def file(
        self, name: str | None = None, *, output: object = None, options: Options | None = None
    ) -> PromptFile:
        """The prompt file as it stands now; `output` is a class of pydantic that replaces its own outputs.

        `options` that are set count before its own.
        """

        def read() -> PromptFile:
            found = self._prompt_file(name or self.prompt)
            found = found if options is None else with_options(found, options)
            return found if output is None else with_class(found, output)

        return await asyncio.to_thread(read)

    async def explain(
        self,
        question: str | None,
        *,
        prompt: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        output: object = None,
        context: Context,
    ) -> Prompt:
        """The prompt exactly as it would be sent; without a question, for the file's own example of one.

        What is looked up is not fetched: it is what `inputs` says of it, or nothing. No model is asked for other words
        to search with.
        """
        file = await self.file(prompt, output=output)
        asked = _example(file) if question is None else question
        values = {**(inputs or {}), "question": asked}
        check(asked)
        self.limits.admit(asked, inputs)
        check_search(self.retrieve.k if k is None else k, filters)
        reads = "passages" in file.body.uses
        hits = await self.search(sought(file, values), k=k, filters=filters, context=context) if reads else []
        return await self._prompted(file, values, hits, (), context)

    async def choices(self, prompt: Prompt, file: PromptFile, *, context: Context) -> Choices:
        """Which models a prompt of a file would go to, in order, and why the others would not. Nothing is sent."""
        several = file.layers.whole and not (prompt.reasons and not file.layers.layers) and self.router.writes
        return await self.router.choose(prompt, several=several, context=context)

    async def document(self, document_id: str, *, context: Context) -> Document | None:
        """One document, where the caller may see it."""
        state, index = self.index.state, self.index
        found = await asyncio.to_thread(state.document, index.key, document_id, tenant=index.tenant)
        return found if found and {"public", *context.principals} & set(found.acl) else None

    async def empty(self) -> bool:
        """Whether nothing was ingested."""
        return (await self.index.facts()).empty

    async def stream(self, asked: Asked, *, context: Context) -> AsyncGenerator[Delta | Answer]:
        """The answer as it is said, then the checked answer itself, last."""
        self.router.require()
        check(asked.question)
        self.limits.admit(asked.question, asked.inputs)
        context.purse.checks.clear()  # an earlier request with this context may have ended in an error
        turns, notices = self.limits.recent(asked.history)
        name = asked.prompt or (self.chat if asked.talks else None)
        file = await self.file(name, output=asked.output, options=asked.options)  # a broken one is told before a search
        if file.output is not None:
            self.router.require_generative(file.name)
        if asked.told and self.sorts:  # what was answered before may rest on what has to stay here
            context = replace(context, confidential=True)
        if context.cache != "off":
            self._begin()
        request = Request(
            question=asked.question,
            file=file,
            query=asked.query,
            inputs=asked.inputs,
            k=asked.k,
            filters=asked.where,
            history=turns,
            notices=notices,
            context=context,
        )
        request = await self.guards.admitted(replace(request, context=replace(context, bounds=self.limits.bounds)))
        answering = self._answered
        remembered = None if request.refrains else self.remembered
        said = answering(request) if remembered is None else remembered.stream(request, answering)
        async with aclosing(said) as pieces:
            async for piece in pieces:
                yield piece

    async def _answered(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        file, context = request.file, request.context
        values = {**request.inputs, "question": request.question}
        found = _Found() if request.refrains else await self._gathered(request, values)
        verdicts = [*request.verdicts, *found.verdicts]
        with context.trace.step("prompt") as step:
            values |= found.values
            built = await self._prompted(file, values, found.hits, request.history, context)
            step.facts.update(name=built.name, version=built.version, messages=len(built.messages))
            step.facts.update(tokens=built.tokens, counter=built.counter, prefix=built.stable_prefix_tokens)
            step.facts.update(shed=[f"{unit.kind} {unit.unit}" for unit in built.shed])
            step.facts.update(trust=dict(Counter(trust_of(hit.chunk.metadata) for hit in found.hits)))
        yield Delta("", hits=tuple(found.hits))
        if request.refrains or found.refrains:
            words = built.abstain or REFRAINED
            yield Delta(words)
            completion = Completion(text=words, model=NO_MODEL, abstained=True, calls=0)
            ended = Outcome(prompt=built, completion=completion), Said(texts=(words,))
        else:
            ended = None
            async with aclosing(self._said(request, built, found.hits)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Delta):
                        yield piece
                    else:
                        ended = piece
            assert ended is not None, "an answer ends with its outcome"
        outcome, told = ended
        beside = (*found.completions, *context.purse.checks)
        context.purse.checks.clear()
        outcome = replace(outcome, completion=with_calls(outcome.completion, beside))
        told = replace(told, verdicts=(*verdicts, *told.verdicts))
        answer = await asyncio.to_thread(self._cited, outcome, found.hits, told, context)
        cited, words = answer.text, built.abstain or REFRAINED
        answer = await displayed(answer, told, self.guards, words=words, question=request.question, context=context)
        if told.form is None and answer.text != cited:
            yield Delta(answer.text, restart=True)
        if told.form is not None:
            yield Delta(answer.text)  # it is read, checked and cited when it is whole
        stale = (f"{file.fault.rstrip('.?')}. The last good version of the prompt was used.",) if file.fault else ()
        notices = (*stale, *request.notices, *found.notices, *answer.notices)
        yield replace(answer, question="" if request.refrains else request.question, notices=notices)

    def _cited(self, outcome: Outcome, hits: Sequence[Hit], told: Said, context: Context) -> Answer:
        """The answer with its citations. The trace notes the ingestions that have written what is behind it."""
        cites, state = self.guards.citations, self.index.state
        answer = answered(outcome.prompt, hits, outcome.completion, told, cites=cites, context=context)
        with context.trace.step("sources") as step:
            documents = {hit.chunk.document_id for hit in answer.hits}
            step.facts["ingestions"] = state.ingestions(self.index.key, documents)
        return answer

    async def _gathered(self, request: Request, values: Mapping[str, Any]) -> _Found:
        """What is searched for and looked up, as far as it may be read."""
        file, context, k, filters = request.file, request.context, request.k, request.filters
        search = self._sought(file, values, request.query, request.history, k, filters, context)
        (hits, rewritten), looked = await self.lookups.beside(
            search, file, values, context=context.within(self.timeout)
        )
        passed = await self.guards.passages(hits, question=request.question, context=context)
        read = await self.guards.found(looked.values, question=request.question, context=context)
        return _Found(
            hits=passed.hits,
            values=read.values,
            completions=rewritten.completions,
            notices=(*rewritten.notices, *looked.notices),
            verdicts=(*passed.verdicts, *read.verdicts),
            refrains=passed.refrains or read.refrains,
        )

    async def _said(
        self, request: Request, prompt: Prompt, hits: Sequence[Hit]
    ) -> AsyncGenerator[Delta | tuple[Outcome, Said]]:
        """What a model says, as far as it may be said, then all of it, last."""
        file, context = request.file, request.context
        seen = Seen()
        tools = await self._tools(file, seen, k=request.k, filters=request.filters)
        within = replace(context.within(self.timeout), confidential=prompt.confidential)
        runner = PromptRunner(
            self.router.writing, self._prompt_file, models=(), lookups=self.lookups, limits=self.limits
        )
        outcome: Outcome | None = None
        reasks = 0.0 if self.router.writes else inf  # how often it was asked for again

        def saying(prompt: Prompt) -> Saying:
            return Saying(self.guards, prompt, question=request.question, reasks=reasks, context=within)

        now = saying(prompt)
        async with aclosing(self._completed(file, prompt, tools, runner, within)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    outcome = piece
                    continue
                if piece.restart:
                    now.restart()
                text = await now.feed(piece.text)
                if text or piece.restart:
                    yield Delta(text, restart=piece.restart)
        assert outcome is not None, "an answer ends with its outcome"
        told, rest, faults = await now.finish(outcome)
        while faults:
            outcome, asked = await asked_again(
                file, outcome, faults, router=self.router.writing, runs=runner, context=within
            )
            reasks = reasks + 1 if asked else inf
            told, rest, faults = await saying(outcome.prompt).finish(outcome)
        told = replace(told, verdicts=(*seen.verdicts, *told.verdicts))
        silent = told.form is None and not told.texts[0].strip()
        if told.refrained or seen.refrains or silent:  # no words are no answer
            told = replace(told, texts=(prompt.abstain or REFRAINED,), form=None, refrained=True)
            rest = Delta(told.texts[0], restart=rest.restart)
        if rest.text or rest.restart:
            yield rest
        yield outcome, told

    async def _sought(
        self,
        file: PromptFile,
        values: Mapping[str, Any],
        query: str | None,
        history: Sequence[Message],
        k: int | None,
        filters: Mapping[str, Any] | None,
        context: Context,
    ) -> tuple[list[Hit], Rewritten]:
        """The hits for what a prompt file searches for, in the words that it asks for."""
        check_search(self.retrieve.k if k is None else k, filters)  # before a model is asked
        text, wanted = sought(file, values), file.retrieve
        if wanted is not None and not wanted.on:
            return [], Rewritten(text)
        query = query if text == values["question"] else None
        rewritten = Rewritten(query or text)
        if wanted is not None and wanted.ways and not await self.empty():
            dense = self.retrieve.mode != "lexical"
            rewritten = await self.rewriter.rewrite(
                wanted.ways, text, query=query, history=history, dense=dense, context=context
            )
        found = self.search(rewritten.lead, k=k, filters=filters, others=rewritten.others, context=context)
        return await found, rewritten

    async def _prompted(
        self,
        file: PromptFile,
        values: Mapping[str, Any],
        hits: Sequence[Hit],
        history: Sequence[Message],
        context: Context,
    ) -> Prompt:
        embedder = self._embedder or self.index.embedder
        built = await prompted(
            file,
            values,
            router=self.router,
            hits=hits,
            history=history,
            embedder=embedder,
            limits=self.limits,
            context=context,
        )
        confidential = context.confidential or self.confidential(hits)
        return replace(built, confidential=confidential, plan=(*built.plan, *self.guards.plan(built)))

    async def _tools(self, file: PromptFile, seen: Seen, *, k: int | None, filters: Mapping[str, Any] | None) -> Tools:
        """Those that the prompt file names. What `search` finds is what this caller's question could."""

        async def search(given: str, context: Context) -> Sequence[Hit]:
            most = min(MOST_FOUND, k or self.retrieve.k)
            return await self.search(given, k=most, filters=filters, context=context)

        read = partial(self.guards.read, seen=seen)
        return await taken(file.layers.tools, self._tool, search=SearchTool(search), read=read)

    async def _completed(
        self, file: PromptFile, prompt: Prompt, tools: Tools, runner: PromptRunner, context: Context
    ) -> AsyncGenerator[Delta | Outcome]:
        slot = prompt.slot("retrieved")
        known = any(one.trust == "tool" and one.text for one in prompt.slots)
        found = slot is None or slot.hits or known or any(unit.kind == "passages" for unit in prompt.shed)
        searches = bool(file.layers.tools) and not await self.empty()
        if not found and not searches and prompt.abstain is not None:
            # With nothing found a model could only make something up, or say what the prompt file says here.
            notice = "Nothing was found for this question, so no model was asked."
            if await self.empty():
                notice = "Nothing was ingested yet. Run: ragstone ingest"
            yield Delta(prompt.abstain)
            said = Completion(text=prompt.abstain, model=NO_MODEL, abstained=True, notice=notice, calls=0)
            yield Outcome(prompt=prompt, completion=said)
            return
        way = layered(
            file,
            prompt,
            router=self.router,
            runs=runner,
            tools=tools,
            confidential=self.confidential,
            context=context,
        )
        async with aclosing(way) as pieces:
            async for piece in pieces:
                yield piece


def _example(file: PromptFile) -> str:
    """The question that a prompt file gives as an example."""
    found = next((given.example for given in file.inputs if given.name == "question"), None)
    if not isinstance(found, str):
        raise UsageError("no question", where=f"prompt {file.name!r}", hint="Add: --set question=…")
    return found
