"""The one synchronous face: the same names as rag.py, each waiting for its asynchronous twin."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from ragstone.gateway import NO_OPTIONS, AsyncRoute
from ragstone.indexes import AsyncIndex
from ragstone.models import AsyncModels
from ragstone.pipelines.ablations import REPEATS, Experiment
from ragstone.prompts.testing.gold import ANSWER
from ragstone.prompts.testing.report import PromptReport
from ragstone.protocols import Embedder, LexicalIndex, Model, Source, Splitter, Tool, VectorStore
from ragstone.rag import AnswerStream, AsyncChat, AsyncRag
from ragstone.reports import Difference, Explained, ExplainedRoute, IndexStatus, IngestPlan, IngestReport, Progress
from ragstone.spending import Costs
from ragstone.trace import StoredTrace
from ragstone.types import Answer, Chunk, Completion, Delta, Document, Hit, Message, Options, Prompt

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Chat", "Rag", "Route", "Stream"]

T = TypeVar("T")

PATIENCE = 10.0  # seconds that work which was interrupted may take to put itself in order


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop on a thread of its own, so that this works inside a notebook's running loop too."""
    # A child process has the parent's loop, but not the thread that runs it.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_loop.cache_clear)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="ragstone", daemon=True)
    thread.start()

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=2)
        loop.close()

    atexit.register(stop)
    return loop


def _wait(coroutine: Coroutine[Any, Any, T]) -> T:
    ended = threading.Event()

    async def run() -> T:
        try:
            return await coroutine
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(run(), _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C stops the work, not only the waiting
        ended.wait(PATIENCE)
        raise


class _Asked(TypedDict):
    """What may be said beside a question."""

    prompt: str | None
    k: int | None
    where: Mapping[str, Any] | None
    principals: Iterable[str]
    tenant: str
    pipeline: str
    output: type[BaseModel] | None


class Stream:
    """An answer while it is said. Iterate over its deltas; afterwards `answer` is the checked whole.

    stream = rag.stream("When does it ship?")
    for delta in stream:
        print(delta.text, end="")
    print(stream.answer.citations)

    What was said before a delta with `restart` is void: see AnswerStream.
    """

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream
        self._deltas = stream.__aiter__()

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises UsageError while it is still being said."""
        return self._stream.answer

    def __iter__(self) -> Iterator[Delta]:
        try:
            while (delta := _wait(_next(self._deltas))) is not None:
                yield delta
        except GeneratorExit:  # the caller has left the loop
            self.close()
            raise

    def close(self) -> None:
        """Stops what is still being said; the model is told. After the last delta there is nothing to stop."""
        _wait(self._close())

    async def _close(self) -> None:
        await self._deltas.aclose()
        await self._stream.close()


async def _next(deltas: AsyncIterator[Delta]) -> Delta | None:
    return await anext(deltas, None)


class Chat:
    """One conversation with the documents."""

    def __init__(self, chat: AsyncChat) -> None:
        self._chat = chat

    def ask(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Answer:
        """An answer to the next question."""
        return _wait(self._chat.ask(question, output=output, **inputs))

    def stream(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Stream:
        """The same answer while it is said."""
        return Stream(self._chat.stream(question, output=output, **inputs))


class Models:
    """The models of one pipeline's route."""

    def __init__(self, models: AsyncModels) -> None:
        self._models = models

    def explain(
        self,
        question: str | None = None,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        **inputs: Any,
    ) -> ExplainedRoute:
        """Which models a question would go to, in order, and why; nothing is sent but questions of a server's load."""
        return _wait(self._models.explain(question, prompt=prompt, k=k, where=where, principals=principals, **inputs))


class Index:
    """What one index holds."""

    def __init__(self, index: AsyncIndex) -> None:
        self._index = index

    def status(self) -> IndexStatus:
        """Documents by state, chunks, failures, sizes."""
        return _wait(self._index.status())

    def verify(self) -> list[Difference]:
        """Every chunk that the vector store or the lexical index lacks, or holds and should not."""
        return _wait(self._index.verify())

    def repair(self) -> list[Difference]:
        """Mends every difference from `project.db` alone, and says what it found."""
        return _wait(self._index.repair())

    def documents(self, uri: str) -> list[Document]:
        """The documents of a uri, those inside it too."""
        return _wait(self._index.documents(uri))

    def chunks(self, uri: str) -> list[Chunk]:
        """The chunks of a document and of those inside it, in order."""
        return _wait(self._index.chunks(uri))

    def forget(self, uri: str) -> int:
        """Removes a document from everywhere and keeps it out; returns how many documents went."""
        return _wait(self._index.forget(uri))

    def allow(self, uri: str) -> None:
        """Lets a forgotten document in again, with the next ingestion."""
        _wait(self._index.allow(uri))


class Route:
    """The models of one pipeline's route. See AsyncRoute for what each method raises."""

    def __init__(self, route: AsyncRoute) -> None:
        self._route = route

    def complete(
        self,
        messages: Sequence[Message],
        *,
        options: Options = NO_OPTIONS,
        output: Mapping[str, Any] | None = None,
        n: int = 1,
    ) -> list[Completion]:
        """What a model says to these messages, `n` times; `output` is a JSON Schema that each must obey."""
        return _wait(self._route.complete(messages, options=options, output=output, n=n))

    def stream(self, messages: Sequence[Message], *, options: Options = NO_OPTIONS) -> Generator[Delta]:
        """The same piece by piece; the last delta carries the completion. Who leaves early stops the model."""
        deltas = self._route.stream(messages, options=options)
        try:
            while (delta := _wait(_next(deltas))) is not None:
                yield delta
        finally:
            _wait(deltas.aclose())


class Rag:
    """Answers from documents. Made of parts; what is not given is the default, held in memory.

        with ragstone.Rag() as rag:
            rag.ingest("documents")
            print(rag.ask("When does the halibut project ship?").text)

    `ragstone.open(folder)` makes one of a project folder instead. See AsyncRag for what each method raises.
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
        state: Path | None = None,
    ) -> None:
        self._rag = AsyncRag(
            store=store,
            embedder=embedder,
            model=model,
            prompt=prompt,
            sources=sources,
            splitter=splitter,
            lexical=lexical,
            tools=tools,
            state=state,
        )

    @classmethod
    def open(cls, folder: str | Path = ".") -> Rag:
        """Of the project folder that is here or above. Raises ProjectNotFound."""
        rag = cls.__new__(cls)
        rag._rag = AsyncRag.open(folder)
        return rag

    def __enter__(self) -> Rag:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives back files and connections."""
        _wait(self._rag.close())

    def ingest(
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
        """Brings the index up to date with its sources; without a project, also with folders named here or before."""
        return _wait(
            self._rag.ingest(
                *folders,
                only=only,
                rebuild=rebuild,
                allow_empty=allow_empty,
                keep_removed=keep_removed,
                wait=wait,
                tenant=tenant,
                pipeline=pipeline,
                progress=progress,
            )
        )

    def plan(
        self,
        *,
        only: Sequence[str] = (),
        allow_empty: bool = False,
        tenant: str = "default",
        pipeline: str = "ingest",
    ) -> IngestPlan:
        """What `ingest` would do, and how many tokens it would embed at what price. Nothing is written."""
        return _wait(self._rag.plan(only=only, allow_empty=allow_empty, tenant=tenant, pipeline=pipeline))

    def index(self, *, tenant: str = "default", pipeline: str = "ingest") -> Index:
        """What a tenant's index holds: its status, its differences, one document's chunks, and how to forget one."""
        return Index(self._rag.index(tenant=tenant, pipeline=pipeline))

    def models(self, *, tenant: str = "default", pipeline: str = "answer") -> Models:
        """Which model of a pipeline's route a question would go to, and why."""
        return Models(self._rag.models(tenant=tenant, pipeline=pipeline))

    def search(
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
        return _wait(
            self._rag.search(question, k=k, where=where, principals=principals, tenant=tenant, pipeline=pipeline)
        )

    def explain_search(
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
        return _wait(
            self._rag.explain_search(
                question, k=k, where=where, principals=principals, tenant=tenant, pipeline=pipeline
            )
        )

    def ask(
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
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> Answer:
        """An answer with its citations. `inputs` are the prompt file's own; `output` is the class that it becomes."""
        asked = _Asked(
            prompt=prompt, k=k, where=where, principals=principals, tenant=tenant, pipeline=pipeline, output=output
        )
        return _wait(self._rag.ask(question, **asked, **inputs))

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
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> Stream:
        """The same answer while it is said."""
        asked = _Asked(
            prompt=prompt, k=k, where=where, principals=principals, tenant=tenant, pipeline=pipeline, output=output
        )
        return Stream(self._rag.stream(question, **asked, **inputs))

    def chat(
        self,
        *,
        prompt: str = "chat",
        principals: Iterable[str] = (),
        tenant: str = "default",
        pipeline: str = "answer",
    ) -> Chat:
        """A conversation: follow-up questions are understood from what was said before."""
        return Chat(self._rag.chat(prompt=prompt, principals=principals, tenant=tenant, pipeline=pipeline))

    def explain(
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
        """The exact messages that `ask` would send, without sending them."""
        asked = _Asked(
            prompt=prompt, k=k, where=where, principals=principals, tenant=tenant, pipeline=pipeline, output=output
        )
        return _wait(self._rag.explain(question, **asked, **inputs))

    def test_prompt(
        self, prompt: str, /, *, repeats: int | None = None, model: str | None = None, pipeline: str = "answer"
    ) -> PromptReport:
        """Runs the tests of a prompt file; each repeat asks the model anew, and nothing is taken from a cache."""
        return _wait(self._rag.test_prompt(prompt, repeats=repeats, model=model, pipeline=pipeline))

    def ablate_prompt(
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

        `ragstone.evaluation.ablate.judged` says what that has shown.
        """
        return _wait(
            self._rag.ablate_prompt(
                prompt,
                cases,
                repeats=repeats,
                layers=layers,
                limit=limit,
                gold=gold,
                field=field,
                model=model,
                pipeline=pipeline,
            )
        )

    def route(self, *, tenant: str = "default", pipeline: str = "answer") -> Route:
        """The models of a pipeline, asked with messages of your own: nothing is retrieved, and no index is opened."""
        return Route(self._rag.route(tenant=tenant, pipeline=pipeline))

    def routes(self) -> list[str]:
        """The pipelines that have a route, by name."""
        return _wait(self._rag.routes())

    def document(
        self, document_id: str, *, principals: Iterable[str] = (), tenant: str = "default", pipeline: str = "answer"
    ) -> Document | None:
        """One document with its text, by a hit's `chunk.document_id`; None where the principals may not see it."""
        return _wait(self._rag.document(document_id, principals=principals, tenant=tenant, pipeline=pipeline))

    def trace(
        self, trace_id: str, *, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> StoredTrace | None:
        """What happened during one request of a tenant, by its id or the beginning of it; None asks as the operator."""
        return _wait(self._rag.trace(trace_id, principals=principals, tenant=tenant))

    def traces(
        self, *, limit: int = 20, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> list[StoredTrace]:
        """A tenant's last requests that the principals may see, newest first; None asks as the operator."""
        return _wait(self._rag.traces(limit=limit, principals=principals, tenant=tenant))

    def costs(self, *, since: date | str = "", until: date | str = "", tenant: str | None = None) -> Costs:
        """What models have cost from one day of UTC to another, both included, and what is claimed now."""
        return _wait(self._rag.costs(since=since, until=until, tenant=tenant))
