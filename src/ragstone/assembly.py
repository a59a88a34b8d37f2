"""Puts pipelines together: from the files of a project folder, or from parts that a program hands over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar, cast

from ragstone.errors import ConfigError
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.build import Builder
from ragstone.pipelines.index import Index, collection_name
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.project import Project, template
from ragstone.prompts.file import PromptFile, load
from ragstone.protocols import Embedder, LexicalIndex, Model, Source, Splitter, VectorStore
from ragstone.registry import find
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState
from ragstone.tracing.store import TraceStore

__all__ = ["Assembly", "LooseParts", "ProjectParts"]

INGEST, ANSWER = "ingest", "answer"

T = TypeVar("T")


class Assembly(Protocol):
    """Where pipelines come from."""

    @property
    def traces(self) -> TraceStore:
        """Where finished traces are kept."""
        ...

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The pipeline that writes a tenant's index."""
        ...

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The pipeline that answers from a tenant's index."""
        ...

    async def close(self) -> None:
        """Gives everything back."""
        ...


class ProjectParts:
    """Pipelines of a project folder. Each index is opened once for each tenant that asks."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._indexes: dict[tuple[str, str], Index] = {}

    @cached_property
    def _builder(self) -> Builder:
        return Builder(self.project.root, self.project.connectors)

    @cached_property
    def _state(self) -> ProjectState:
        return ProjectState(self.project.state_folder / "project.db")

    @property
    def traces(self) -> TraceStore:
        """`.ragstone/traces.db`, opened for each use."""
        return TraceStore(self.project.state_folder / "traces.db")

    def index(self, name: str, tenant: str) -> Index:
        """The index that an ingest pipeline writes."""
        if (name, tenant) not in self._indexes:
            self.project.ingest_spec(name)
            lock = FileLock(self.project.state_folder / "ingest.lock", purpose="ragstone ingest", wait=2.0)
            located = self.project.pipeline(name)
            self._indexes[name, tenant] = self._builder.index(
                name, located, tenant=tenant, state=self._state, lock=lock
            )
        return self._indexes[name, tenant]

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The pipeline of `pipelines/<pipeline>.yaml`."""
        self.project.ingest_spec(pipeline)
        return IngestPipeline(self.index(pipeline, tenant), self._builder.sources(self.project.pipeline(pipeline)))

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The pipeline of `pipelines/<pipeline>.yaml`."""
        spec = self.project.answer_spec(pipeline)
        models = self._builder.models(spec.route.models, self.project.pipeline(pipeline))
        return AnswerPipeline(
            self.index(spec.index, tenant),
            Router(models),
            prompt=spec.prompt,
            prompt_file=self.project.prompt,
            retrieve=spec.retrieve,
        )

    async def close(self) -> None:
        """Closes what was opened."""
        for index in self._indexes.values():
            await index.store.close()
            await index.lexical.close()
        if "_builder" in self.__dict__:
            await self._builder.close()
        if "_state" in self.__dict__:
            await asyncio.to_thread(self._state.close)


class LooseParts:
    """Pipelines from parts given by hand; what is not given is the default, held in memory."""

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
        state: Path | None = None,
    ) -> None:
        self.sources = list(sources)
        self._prompt = prompt
        self._embedder = embedder or cast("Callable[[], Embedder]", find("embedder", "openvino"))()
        self._model = model or cast("Callable[..., Model]", find("model", "extractive"))(embedder=self._embedder)
        self._splitter = splitter or cast("Callable[..., Splitter]", find("splitter", "tokens"))(
            embedder=self._embedder
        )
        self._store, self._lexical = store, lexical
        self._state = ProjectState(state)
        self.traces = TraceStore(None)
        self._indexes: dict[str, Index] = {}

    def _index(self, tenant: str) -> Index:
        if tenant not in self._indexes:
            self._indexes[tenant] = Index(
                name=INGEST,
                tenant=tenant,
                state=self._state,
                splitter=self._splitter,
                embedder=self._embedder,
                store=self._store or self._default("store", "chroma", tenant, VectorStore),
                lexical=self._lexical or self._default("lexical", "tantivy", tenant, LexicalIndex),
            )
        return self._indexes[tenant]

    def _default(self, kind: str, type_name: str, tenant: str, protocol: type[T]) -> T:
        # The object's own identity keeps two of them in one process apart: Chroma shares its memory between clients.
        factory = cast("Callable[..., T]", find(kind, type_name))
        return factory(collection=collection_name(str(id(self)), tenant))

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The one ingest pipeline that there is."""
        _only(pipeline, INGEST)
        return IngestPipeline(self._index(tenant), self.sources)

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The one answer pipeline that there is."""
        _only(pipeline, ANSWER)
        return AnswerPipeline(
            self._index(tenant),
            Router({self._model.name or "model": self._model}),
            prompt=str(self._prompt),
            prompt_file=_prompt_file,
            retrieve=RetrieveSpec(),
        )

    async def close(self) -> None:
        """Closes every part, those given by hand too."""
        for index in self._indexes.values():
            await index.store.close()
            await index.lexical.close()
        await self._model.close()
        await self._embedder.close()
        await asyncio.to_thread(self._state.close)
        self.traces.close()


def _prompt_file(name: str) -> PromptFile:
    """A prompt by its path, or one that ships with Ragstone by its name."""
    path = Path(name) if name.endswith(".prompty") else template() / "prompts" / f"{name}.prompty"
    return load(path, root=path.parent)


def _only(asked: str, there: str) -> None:
    if asked != there:
        raise ConfigError(
            f"there is no pipeline {asked!r}", expected=there, hint="Named pipelines need a project folder."
        )
