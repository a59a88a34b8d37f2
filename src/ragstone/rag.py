"""What a program holds: documents in, answers out, asynchronously. `ragstone.Rag` is the same, blocking (sync/)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict

from ragstone.asked import Asked
from ragstone.assembly import LooseParts, ProjectParts
from ragstone.batch.asking import CONCURRENCY
from ragstone.batch.questions import BatchQuestion
from ragstone.batch.run import AsyncBatch
from ragstone.callers import NOBODY, Payer, context_of, outcome_of, shown
from ragstone.chats import AsyncChat, chat_with
from ragstone.conversations.given import given
from ragstone.errors import UsageError
from ragstone.gateway import AsyncRoute
from ragstone.ingestions import AsyncIngestions
from ragstone.pipelines.ablations import REPEATS, Ablations, Experiment
from ragstone.project import Project, find
from ragstone.prompts.testing.gold import ANSWER
from ragstone.prompts.testing.report import PromptReport
from ragstone.protocols import Check, Embedder, LexicalIndex, Model, Source, Splitter, Tool, VectorStore
from ragstone.records import AsyncRecords
from ragstone.reports import Explained, IngestPlan, IngestReport, Progress
from ragstone.streams import AnswerStream, whole
from ragstone.trace import Trace
from ragstone.types import Answer, CachePolicy, Context, Delta, Hit, Message, Options, Prompt
from ragstone.validation.policy import Guard

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["AsyncRag"]


class _Ingesting(TypedDict):
    """What both ways to ingest take."""

    context: Context
    allow_empty: bool
    wait: bool
    progress: Callable[[Progress], None] | None


class AsyncRag(AsyncRecords):
    """Answers from documents. Made of parts; what is not given is the default, held in memory.

        async with AsyncRag() as rag:
            await rag.ingest("documents")
            answer = await rag.ask("When does the halibut project ship?")

    `ragstone.aopen(folder)` makes one of a project folder instead.
    """

    def __init__(
        self,
        *,
        store: VectorStore | None = None,
        embedder: Embedder | None = None,
        model: Model | None = None,
        prompt: str | Path = "answer",
        sources: Sequence[Source] = (),
        splitter: Splitter | None = None,
        lexical: LexicalIndex | None = None,
        tools: Mapping[str, Tool] | None = None,
        checks: Sequence[Check | Guard] = (),
        state: Path | None = None,
    ) -> None:
        self._parts = LooseParts(
            store=store,
            embedder=embedder,
            model=model,
            prompt=prompt,
            sources=sources,
            splitter=splitter,
            lexical=lexical,
            tools=tools,
            checks=checks,
            state=state,
        )

    @classmethod
    def open(cls, folder: str | Path = ".") -> AsyncRag:
        """Of the project folder that is here or above. Raises ProjectNotFound."""
        project = Project(find(Path(folder)))
        project.require_settings()
        rag = cls.__new__(cls)
        rag._parts = ProjectParts(project)
        return rag

    async def __aenter__(self) -> AsyncRag:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives back files and connections."""
        await self._parts.close()

    async def refresh(self) -> bool:
        """Reads `connectors/` and `pipelines/` again if they were edited, and says whether anything else counts now.

        Prompts need none of this: they are read each time. Requests under way keep what they began with. Raises the
        first ConfigError of files that are wrong; then those that were read before count on.
        """
        return await self._parts.refresh()

    # ── Documents in ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def ingest(
        self,
        *folders: str | Path,
        only: Sequence[str] = (),
        rebuild: bool = False,
        allow_empty: bool = False,
        keep_removed: bool = False,
        wait: bool = True,
        tenant: str = "default",
        pipeline: str = "ingest",
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Brings the index up to date with its sources; without a project, also with the folders named here or before.

        `only` names the uris to look at, with all that lies below them; `rebuild` makes the index anew beside the old
        one. Raises SourceError when no source can be listed, IndexBusy when another process ingests and this one may
        not `wait` for it.
        """
        if folders:
            await asyncio.to_thread(self._parts.add_folders, [Path(folder) for folder in folders])
        if rebuild and (only or keep_removed):
            raise UsageError("a rebuild makes the whole index", where="ingest", expected="no paths, nothing kept")
        context = Context(tenant=tenant, patient=True, trace=Trace("ingest"))
        outcome: dict[str, Any] = {"outcome": "failed"}
        shared: _Ingesting = {"context": context, "allow_empty": allow_empty, "wait": wait, "progress": progress}
        try:
            if rebuild:
                anew = await asyncio.to_thread(self._parts.rebuild, tenant=tenant, pipeline=pipeline)
                report = await anew.run(**shared)
            else:
                found = await asyncio.to_thread(self._parts.ingest, tenant=tenant, pipeline=pipeline)
                report = await found.run(only=only, keep_removed=keep_removed, **shared)
            outcome = {"outcome": "done", **report.as_dict()}
        finally:
            # Its uris are of documents that not everyone may see, so it is the operator's.
            self._keep(context, principals=None, **outcome)
        return report

    async def plan(
        self,
        *,
        only: Sequence[str] = (),
        allow_empty: bool = False,
        tenant: str = "default",
        pipeline: str = "ingest",
    ) -> IngestPlan:
        """What `ingest` would do, and how many tokens it would embed at what price. Nothing is written."""
        found = await asyncio.to_thread(self._parts.ingest, tenant=tenant, pipeline=pipeline)
        context = Context(tenant=tenant, patient=True, trace=Trace("plan"))
        return await found.plan(context=context, only=only, allow_empty=allow_empty)

    def ingestions(self) -> AsyncIngestions:
        """Ingestions that are asked for now and done later, also by another process."""
        return AsyncIngestions(self._parts, self.ingest)

    # ── Answers out ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def search(
        self,
        question: str,
        /,
        *,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
    ) -> list[Hit]:
        """The best k chunks (8 unless the pipeline says otherwise) that the principals may see, best first."""
        context = context_of("search", tenant, principals)
        found = await asyncio.to_thread(self._parts.answer, tenant=tenant, pipeline=pipeline)
        try:
            return await found.search(question, k=k, filters=where, context=context)
        finally:
            self._keep(context, principals=context.principals, question=shown(question))

    async def explain_search(
        self,
        question: str,
        /,
        *,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
    ) -> Explained:
        """What `search` finds, with the candidates, scores and milliseconds of each stage."""
        context = context_of("search", tenant, principals)
        found = await asyncio.to_thread(self._parts.answer, tenant=tenant, pipeline=pipeline)
        try:
            return await found.explain_search(question, k=k, filters=where, context=context)
        finally:
            self._keep(context, principals=context.principals, question=shown(question))

    async def ask(
        self,
        question: str,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
        payer: Payer = NOBODY,
        cache: CachePolicy = "use",
        history: Sequence[Message] = (),
        options: Options | None = None,
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> Answer:
        """An answer with its citations. `inputs` are the prompt file's own; `payer` is whom the ledger counts it for.

        With a `history`, user's and assistant's turns, it is a question of a conversation, answered by the pipeline's
        prompt for those. `options` are settings of the model that count before the file's.
        `output` is a class of pydantic that the answer becomes (`answer.parsed`); it counts before the file's outputs.
        `cache` is `use`, `refresh` (ask anew, and keep that) or `off`, where the pipeline has a cache.
        """
        asked = given(question, history)
        asked = replace(asked, prompt=prompt, k=k, where=where, pipeline=pipeline, output=output, options=options)
        context = context_of("chat" if asked.talks else "ask", tenant, principals, payer, cache)
        return await whole(self._stream(replace(asked, inputs=inputs), replace(context, unread=True)))

    def batch(
        self,
        questions: str | Path | Iterable[str | Mapping[str, Any] | BatchQuestion],
        /,
        *,
        concurrency: int = CONCURRENCY,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
        payer: Payer = NOBODY,
        cache: CachePolicy = "use",
    ) -> AsyncBatch:
        """Many questions, or a file with one on each line, asked side by side and answered in order."""
        who = context_of("ask", tenant, principals, payer, cache)

        async def ask(one: BatchQuestion) -> Answer:
            context = replace(who, unread=True, trace=Trace("ask"))
            asked = Asked(
                question=one.question,
                prompt=one.prompt or prompt,
                k=k if one.k is None else one.k,
                where=where if one.where is None else one.where,
                pipeline=pipeline,
                inputs=one.inputs,
            )
            return await whole(self._stream(asked, context))

        said = {"prompt": prompt, "k": k, "where": where, "pipeline": pipeline}
        said |= {"tenant": tenant, "principals": sorted(who.principals)}
        return AsyncBatch(questions, ask, settings=said, concurrency=concurrency)

    def stream(
        self,
        question: str,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
        payer: Payer = NOBODY,
        cache: CachePolicy = "use",
        history: Sequence[Message] = (),
        options: Options | None = None,
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> AnswerStream:
        """The same answer while it is said."""
        asked = given(question, history)
        asked = replace(asked, prompt=prompt, k=k, where=where, pipeline=pipeline, output=output, options=options)
        context = context_of("chat" if asked.talks else "ask", tenant, principals, payer, cache)
        return AnswerStream(self._stream(replace(asked, inputs=inputs), context))

    def chat(
        self,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
        payer: Payer = NOBODY,
        cache: CachePolicy = "use",
        conversation: str | None = None,
        user: str = "",
    ) -> AsyncChat:
        """A conversation: follow-up questions are understood from what was said before.

        Unless another `prompt` is named, that of the pipeline's key `chat` answers. With `conversation`, an id, it is
        kept: one of this tenant, key and `user` goes on, or begins. See `conversations` for who may read it.
        """
        who = context_of("chat", tenant, principals, payer, cache)
        how = Asked(question="", talks=True, prompt=prompt, k=k, where=where, pipeline=pipeline)
        return chat_with(self._parts, self._stream, how=how, who=who, conversation=conversation, user=user)

    async def explain(
        self,
        question: str | None = None,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> Prompt:
        """The exact messages that `ask` would send, without sending them; an empty index gives no passages.

        Without a question the prompt file's own example of one is used.
        """
        context = context_of("explain", tenant, principals)
        found = await asyncio.to_thread(self._parts.answer, tenant=tenant, pipeline=pipeline)
        try:
            return await found.explain(
                question, prompt=prompt, inputs=inputs, k=k, filters=where, output=output, context=context
            )
        finally:
            self._keep(context, principals=context.principals, question=shown(question or ""))

    async def test_prompt(
        self, prompt: str, /, *, repeats: int | None = None, model: str | None = None, pipeline: str = "answer"
    ) -> PromptReport:
        """Runs the tests of a prompt file; each repeat asks the model anew, and nothing is taken from a cache.

        The model is the first of the pipeline's that writes, else one that quotes; `model` names another one.
        Raises UsageError for a prompt without tests.
        """
        tests = await asyncio.to_thread(self._parts.prompt_tests, pipeline=pipeline, model=model)
        return await tests.run(prompt, repeats=repeats)

    async def ablate_prompt(
        self,
        prompt: str,
        cases: str | Path,
        /,
        *,
        repeats: int = REPEATS,
        layers: Sequence[str] = (),
        limit: int | None = None,
        gold: str = ANSWER,
        field: str = "",
        model: str | None = None,
        pipeline: str = "answer",
    ) -> Experiment:
        """Asks a file of cases with each layer of a prompt switched off in turn, and with the prompt as it is.

        `ragstone.evaluation.ablate.judged` says what that has shown. `cases` are tests (YAML), or questions with right
        answers under `gold` (JSONL), of which `field` is the output that is compared. Raises UsageError for a prompt
        without layers.
        """
        tests = await asyncio.to_thread(self._parts.prompt_tests, pipeline=pipeline, model=model)
        ablations = Ablations(tests)
        experiment = await ablations.prepared(
            prompt, Path(cases), repeats=repeats, layers=layers, limit=limit, gold=gold, field=field
        )
        await ablations.run(experiment)
        return experiment

    def route(self, *, tenant: str = "default", pipeline: str = "answer", payer: Payer = NOBODY) -> AsyncRoute:
        """The models of a pipeline, asked with messages of your own: nothing is retrieved, and no index is opened."""
        return AsyncRoute(self._parts, tenant=tenant, pipeline=pipeline, payer=payer)

    # ── Underneath ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _stream(self, asked: Asked, context: Context) -> AsyncGenerator[Delta | Answer]:
        outcome: dict[str, Any] = {"outcome": "failed"}
        principals, question = context.principals, shown(asked.question)
        try:
            found = await asyncio.to_thread(self._parts.answer, tenant=context.tenant, pipeline=asked.pipeline)
            async with aclosing(found.stream(asked, context=context)) as parts:
                async for part in parts:
                    if isinstance(part, Answer):
                        outcome = outcome_of(part)
                        self._keep(context, principals=principals, question=question, **outcome)
                    yield part
        except BaseException:
            if outcome["outcome"] == "failed":
                self._keep(context, principals=principals, question=question, **outcome)
            raise

    def _keep(self, context: Context, *, principals: frozenset[str] | None, **facts: Any) -> None:
        self._parts.traces.keep_soon(context.trace, tenant=context.tenant, principals=principals, **facts)
