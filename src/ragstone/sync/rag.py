"""The same names as those of `ragstone.rag`, each waiting for its asynchronous twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from ragstone.batch.asking import CONCURRENCY
from ragstone.batch.questions import BatchQuestion
from ragstone.callers import NOBODY, Payer
from ragstone.pipelines.ablations import REPEATS, Experiment
from ragstone.prompts.testing.gold import ANSWER
from ragstone.prompts.testing.report import PromptReport
from ragstone.protocols import Check, Embedder, LexicalIndex, Model, Source, Splitter, Tool, VectorStore
from ragstone.rag import AsyncRag
from ragstone.reports import Explained, IngestPlan, IngestReport, Progress
from ragstone.sync.faces import Batch, Chat, Ingestions, Route, Stream
from ragstone.sync.loop import waited
from ragstone.sync.records import Records
from ragstone.types import Answer, CachePolicy, Hit, Message, Options, Prompt
from ragstone.validation.policy import Guard

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Rag"]


class _Asked(TypedDict):
    """What may be said beside a question."""

    prompt: str | None
    k: int | None
    where: Mapping[str, Any] | None
    principals: Iterable[str]
    tenant: str
    pipeline: str
    payer: NotRequired[Payer]
    cache: NotRequired[CachePolicy]
    history: NotRequired[Sequence[Message]]
    options: NotRequired[Options | None]
    output: type[BaseModel] | None


class Rag(Records):
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
        checks: Sequence[Check | Guard] = (),
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
            checks=checks,
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
        waited(self._rag.close())

    def refresh(self) -> bool:
        """Reads `connectors/` and `pipelines/` again if they were edited, and says whether anything else counts now."""
        return waited(self._rag.refresh())

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
        return waited(
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
        return waited(self._rag.plan(only=only, allow_empty=allow_empty, tenant=tenant, pipeline=pipeline))

    def ingestions(self) -> Ingestions:
        """Ingestions that are asked for now and done later, also by another process."""
        return Ingestions(self._rag.ingestions())

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
        return waited(
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
        return waited(
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
        payer: Payer = NOBODY,
        cache: CachePolicy = "use",
        history: Sequence[Message] = (),
        options: Options | None = None,
        output: type[BaseModel] | None = None,
        **inputs: Any,
    ) -> Answer:
        """An answer with its citations. `inputs` are the prompt file's own; `output` is the class that it becomes."""
        asked = _Asked(
            prompt=prompt,
            k=k,
            where=where,
            principals=principals,
            tenant=tenant,
            pipeline=pipeline,
            payer=payer,
            cache=cache,
            history=history,
            options=options,
            output=output,
        )
        return waited(self._rag.ask(question, **asked, **inputs))

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
    ) -> Batch:
        """Many questions, or a file with one on each line, asked side by side and answered in order."""
        asked = self._rag.batch(
            questions,
            concurrency=concurrency,
            prompt=prompt,
            k=k,
            where=where,
            principals=principals,
            tenant=tenant,
            pipeline=pipeline,
            payer=payer,
            cache=cache,
        )
        return Batch(asked)

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
    ) -> Stream:
        """The same answer while it is said."""
        asked = _Asked(
            prompt=prompt,
            k=k,
            where=where,
            principals=principals,
            tenant=tenant,
            pipeline=pipeline,
            payer=payer,
            cache=cache,
            history=history,
            options=options,
            output=output,
        )
        return Stream(self._rag.stream(question, **asked, **inputs))

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
    ) -> Chat:
        """A conversation: follow-up questions are understood from what was said before; with an id it is kept."""
        talk = self._rag.chat(
            prompt=prompt,
            k=k,
            where=where,
            principals=principals,
            tenant=tenant,
            pipeline=pipeline,
            payer=payer,
            cache=cache,
            conversation=conversation,
            user=user,
        )
        return Chat(talk)

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
        return waited(self._rag.explain(question, **asked, **inputs))

    def test_prompt(
        self, prompt: str, /, *, repeats: int | None = None, model: str | None = None, pipeline: str = "answer"
    ) -> PromptReport:
        """Runs the tests of a prompt file; each repeat asks the model anew, and nothing is taken from a cache."""
        return waited(self._rag.test_prompt(prompt, repeats=repeats, model=model, pipeline=pipeline))

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
        return waited(
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

    def route(self, *, tenant: str = "default", pipeline: str = "answer", payer: Payer = NOBODY) -> Route:
        """The models of a pipeline, asked with messages of your own: nothing is retrieved, and no index is opened."""
        return Route(self._rag.route(tenant=tenant, pipeline=pipeline, payer=payer))
