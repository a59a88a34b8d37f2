"""Puts pipelines together: from the files of a project folder, or from parts that a program hands over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.replies import ReplyCache
from ragstone.caching.tokens import TokenKeeper
from ragstone.config import Located, template
from ragstone.errors import ConfigError, UsageError
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.choosing import Route
from ragstone.inference.metered import MeteredModel
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.build import Builder
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.checks import always
from ragstone.pipelines.index import Index, collection_name
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.lookups import Lookups
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.rebuild import Rebuild
from ragstone.pipelines.routes import Healths, confidential
from ragstone.pipelines.spec import INTERACTION, AnswerSpec, RetrieveSpec, spec_for
from ragstone.pipelines.tools import built_in
from ragstone.project import Project
from ragstone.prompts.library import Library
from ragstone.protocols import (
    Cache,
    Embedder,
    Ledger,
    LexicalIndex,
    Lookup,
    Model,
    Reranker,
    Source,
    Splitter,
    Tool,
    VectorStore,
)
from ragstone.registry import find
from ragstone.state.lease import LeaseLock
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState
from ragstone.tracing.store import TraceStore

__all__ = ["Assembly", "LooseParts", "ProjectParts", "Routed"]

INGEST, ANSWER = "ingest", "answer"
TIMEOUT = 120.0  # seconds that the models have where no file says it

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The models of a route that write, and the seconds that they have. `prompts` is the folder of prompts."""

    router: Router
    timeout: float
    prompts: Path


class Assembly(Protocol):
    """Where pipelines come from. The methods block, and may be called from several threads at once."""

    traces: TraceStore  # where finished ones are kept
    caches: Caches  # where answers are kept

    def add_folders(self, folders: Sequence[Path]) -> None:
        """Makes sources of folders. Raises UsageError where sources are declared in files."""
        ...

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The pipeline that writes a tenant's index."""
        ...

    def rebuild(self, *, tenant: str, pipeline: str = INGEST) -> Rebuild:
        """What makes a tenant's index anew beside the old one."""
        ...

    def index(self, *, tenant: str, pipeline: str = INGEST) -> Index:
        """A tenant's index as it is now."""
        ...

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The pipeline that answers from a tenant's index."""
        ...

    def route(self, *, pipeline: str = ANSWER) -> Routed:
        """The models of a pipeline, without its index."""
        ...

    def kept_route(self, pipeline: str) -> Routed | None:
        """The same where it is made already: this does not block."""
        ...

    def routes(self) -> list[str]:
        """The pipelines that have a route."""
        ...

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """What tests prompt files with the models of a pipeline, or with one model by its name."""
        ...

    def ledgers(self) -> Sequence[Ledger]:
        """Where what calls of models have cost is written down."""
        ...

    async def close(self) -> None:
        """Gives everything back, also when a part of it fails."""
        ...


class ProjectParts:
    """Pipelines of a project folder, whose files are read when they are first needed, its prompts each time.

    Each index is opened once for each tenant that has documents.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._prompts = Library(
            lambda name: self.project.prompt_path(name), lambda file: self.project.check_prompt(file)
        )
        self._replies = ReplyCache(project.state_folder / "replies.db")
        self._lookups = Lookups(self._lookup, self._replies)
        self.traces = TraceStore(project.state_folder / "traces.db")
        self.caches = Caches(lambda: self.project.pipelines, self._cache)
        self._indexes: dict[tuple[str, str], Index] = {}
        self._answers: dict[tuple[str, str], AnswerPipeline] = {}
        self._routes: dict[str, Routed] = {}
        self._testers: dict[tuple[str, str | None], PromptTests] = {}
        self._one = threading.RLock()  # two threads must not build the same part twice
        self._built: tuple[Builder, ProjectState] | None = None
        self._retired: list[Builder | Index] = []
        self._healths = Healths()  # of requests that are under way, too, when files are read again

    def add_folders(self, folders: Sequence[Path]) -> None:
        """Refuses: what a project ingests stands in its files."""
        raise UsageError(
            "a project's sources stand in its files",
            where=str(self.project.root),
            found=str(folders[0]),
            hint="Write a file in connectors/ and name it in pipelines/ingest.yaml.",
        )

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The pipeline of `pipelines/<pipeline>.yaml`."""
        with self._one:
            index = self._index(pipeline, tenant)
            self._indexes[pipeline, tenant] = index
            return IngestPipeline(index, self._parts()[0].sources(self.project.pipeline(pipeline)))

    def rebuild(self, *, tenant: str, pipeline: str = INGEST) -> Rebuild:
        """Fills a new edition beside the one that questions are answered from."""
        with self._one:
            live = self._index(pipeline, tenant)
            self._indexes[pipeline, tenant] = live
            shadow = self._made(pipeline, tenant, edition=live.edition + 1, lock=None)
            past = self._made(pipeline, tenant, edition=live.edition - 1, lock=None) if live.edition else None
            self._retired += [part for part in (shadow, past) if part is not None]
            sources = self._parts()[0].sources(self.project.pipeline(pipeline))
            return Rebuild(live, IngestPipeline(shadow, sources), past=past)

    def index(self, *, tenant: str, pipeline: str = INGEST) -> Index:
        """The edition that counts of the index that `pipelines/<pipeline>.yaml` writes."""
        with self._one:
            index = self._index(pipeline, tenant)
            self._indexes[pipeline, tenant] = index
            return index

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The pipeline of `pipelines/<pipeline>.yaml`."""
        with self._one:
            kept = self._answers.get((pipeline, tenant))
            if kept is not None and self._index(kept.index.name, tenant) is kept.index:
                return kept
            spec = self.project.answer_spec(pipeline)
            builder, located = self._parts()[0], self.project.pipeline(pipeline)
            router = builder.router(spec.route, located, cache=spec.cache)
            index = self._index(spec.index, tenant)
            made = AnswerPipeline(
                index,
                router,
                prompt=spec.prompt,
                prompt_file=self._prompts.get,
                retrieve=spec.retrieve,
                reranker=self._reranker(spec, located),
                semantic=builder.semantic(pipeline, spec, located, router=router, embedder=index.embedder),
                begin=builder.caches.begin,
                timeout=spec.route.timeout,
                confidential=confidential(spec.route),
                guards=builder.guards(spec, located, embedder=index.embedder, router=router),
                lookups=self._lookups,
                tool=self._tool,
            )
            if not index.state.facts(index.key, tenant=tenant).empty:  # names that nobody knows are not remembered
                self._indexes[spec.index, tenant] = index
                self._answers[pipeline, tenant] = made
            return made

    def route(self, *, pipeline: str = ANSWER) -> Routed:
        """The models of `pipelines/<pipeline>.yaml`."""
        with self._one:
            if pipeline not in self._routes:
                spec = self.project.answer_spec(pipeline)
                located = self.project.pipeline(pipeline)
                router = self._parts()[0].router(spec.route, located, cache=spec.cache).writing
                prompts = self.project.root / "prompts"
                self._routes[pipeline] = Routed(router=router, timeout=spec.route.timeout, prompts=prompts)
            return self._routes[pipeline]

    def kept_route(self, pipeline: str) -> Routed | None:
        """As it was made last."""
        return self._routes.get(pipeline)

    def routes(self) -> list[str]:
        """Those of `pipelines/` that answer."""
        with self._one:
            found = self.project.pipelines
            return [name for name in found if spec_for(found[name].value) is AnswerSpec]

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """With the models of `pipelines/<pipeline>.yaml` and the embedder of its index, which is not opened."""
        with self._one:
            if (pipeline, model) not in self._testers:
                spec = self.project.answer_spec(pipeline)
                builder = self._builder()
                self._retired.append(builder)
                route = spec.route if model is None else spec.route.model_copy(update={"models": [model]})
                models = builder.models(route, self.project.pipeline(pipeline))
                if model is not None:
                    Router(models).require()
                embedder = cast("Embedder", builder.connector("embedder", self.project.ingest_spec(spec.index).embed))
                self._testers[pipeline, model] = PromptTests(
                    models,
                    embedder=embedder,
                    prompt_file=self._prompts.get,
                    tool=builder.tool,
                    route=Route(healths=self._healths.known, local_only=route.data == "local_only"),
                )
            return self._testers[pipeline, model]

    def ledgers(self) -> Sequence[Ledger]:
        """The project's own, and its connectors of that kind."""
        with self._one:
            return self._parts()[0].ledgers

    def _reranker(self, spec: AnswerSpec, located: Located) -> Reranker | None:
        named = spec.retrieve.rerank
        if named is None or named.by == INTERACTION:
            return None
        return self._parts()[0].reranker(named.by, located)

    def _lookup(self, name: str) -> Lookup:
        with self._one:
            return self._parts()[0].lookup(name)

    def _cache(self, name: str | None, file: str) -> Cache:
        with self._one:
            return self._parts()[0].cache(name, file=file)

    def _tool(self, name: str) -> Tool | None:
        with self._one:
            return self._parts()[0].tool(name)

    def _parts(self) -> tuple[Builder, ProjectState]:
        if self._built is None:
            builder = self._builder()
            self._built = builder, ProjectState(self.project.state_folder / "project.db")
        return self._built

    def _index(self, name: str, tenant: str) -> Index:
        """The edition that counts now. A new one may have been made by other files than those that were read here."""
        edition = self._parts()[1].edition(name, tenant=tenant)
        found = self._indexes.get((name, tenant))
        if found is not None and found.edition == edition:
            return found
        if found is not None:
            self._retire()
        lock = LeaseLock(self.project.state_folder / "ingest.lock", purpose="ragstone ingest")
        return self._made(name, tenant, edition=edition, lock=lock)

    def _made(self, name: str, tenant: str, *, edition: int, lock: FileLock | None) -> Index:
        spec = self.project.ingest_spec(name)
        builder, state = self._parts()
        located = self.project.pipeline(name)
        made = builder.index(name, spec, located, tenant=tenant, state=state, lock=lock, edition=edition)
        made.caches = self.caches
        return made

    def _builder(self) -> Builder:
        project = self.project
        return Builder(
            project.root,
            project.connectors,
            plugins=project.plugins,
            prompt_file=self._prompts.get,
            state=project.state_folder,
            lookups=self._lookups,
            healths=self._healths,
        )

    def _retire(self) -> None:
        """Puts aside what was built of the project's files, which are read again; requests under way still use it."""
        builder, state = self._parts()
        self._retired += [builder, *self._indexes.values()]
        self._indexes.clear()
        self._answers.clear()
        self._routes.clear()
        self.project = Project(self.project.root, self.project.state)
        self._built = self._builder(), state

    async def close(self) -> None:
        """Closes what was opened."""
        async with AsyncExitStack() as ends:
            ends.callback(self.traces.close)
            ends.callback(self._replies.close)
            if self._built is not None:
                builder, state = self._built
                ends.push_async_callback(asyncio.to_thread, state.close)
                ends.push_async_callback(builder.close)
            for part in (*self._retired, *self._indexes.values()):
                ends.push_async_callback(part.close)


class LooseParts:
    """Pipelines from parts given by hand; what is not given is the default, held in memory. No answer is cached."""

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
        self._sources = list(sources)
        self._prompt = prompt
        given = embedder or cast("Callable[[], Embedder]", find("embedder", "openvino"))()
        self._tokens = TokenKeeper(given, _in_memory()) if given.capabilities.token_vectors else None
        self._embedder = self._tokens or given
        asked = model or cast("Callable[..., Model]", find("model", "extractive"))(embedder=self._embedder)
        self._ledger = cast("Callable[..., Ledger]", find("ledger", "sqlite"))(path=None)
        self._model = AttemptedModel(MeteredModel(asked, self._ledger))
        self._splitter = splitter or cast("Callable[..., Splitter]", find("splitter", "tokens"))(
            embedder=self._embedder
        )
        self._reading = CachedEmbedder(self._embedder, _in_memory())  # reads the examples of prompts, once each
        self._store, self._lexical, self._tools = store, lexical, dict(tools or {})
        self._state = ProjectState(state)
        self._lock = FileLock(state.with_name(f"{state.name}.lock"), purpose="an ingestion") if state else None
        self.traces = TraceStore(None)
        self.caches = Caches()
        self._prompts = Library(_prompt_path)
        self._indexes: dict[str, Index] = {}
        self._routed: Routed | None = None
        self._one = threading.RLock()

    def add_folders(self, folders: Sequence[Path]) -> None:
        """Adds each folder as a source; one that was added before is the same source."""
        make = cast("Callable[..., Source]", find("source", "files"))
        with self._one:
            known = {source.name for source in self._sources}
            for folder in dict.fromkeys(path.resolve() for path in folders):
                source = make(path=folder, root=Path.cwd())
                source.name = str(folder)
                if source.name not in known:
                    self._sources.append(source)

    def ingest(self, *, tenant: str, pipeline: str = INGEST) -> IngestPipeline:
        """The one ingest pipeline that there is."""
        _only(pipeline, INGEST)
        return IngestPipeline(self._index(tenant), list(self._sources))

    def rebuild(self, *, tenant: str, pipeline: str = INGEST) -> Rebuild:
        """Refuses: parts given by hand have no place for a second index beside the first."""
        raise UsageError(
            "an index of parts given by hand cannot be rebuilt beside itself",
            where="ingest",
            expected="a project folder",
            hint="Make a new Rag with an empty store, or run `ragstone init`.",
        )

    def index(self, *, tenant: str, pipeline: str = INGEST) -> Index:
        """The one index of a tenant."""
        _only(pipeline, INGEST)
        return self._index(tenant)

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The one answer pipeline that there is."""
        _only(pipeline, ANSWER)
        return AnswerPipeline(
            self._index(tenant),
            Router({self._model.name or "model": self._model}),
            prompt=str(self._prompt),
            prompt_file=self._prompts.get,
            retrieve=RetrieveSpec(),
            embedder=self._reading,
            tool=self._tool,
            guards=always(),
        )

    def route(self, *, pipeline: str = ANSWER) -> Routed:
        """The one model that there is."""
        _only(pipeline, ANSWER)
        if self._routed is None:
            router = Router({self._model.name or "model": self._model}).writing
            self._routed = Routed(router=router, timeout=TIMEOUT, prompts=template() / "prompts")
        return self._routed

    def kept_route(self, pipeline: str) -> Routed | None:
        """As it was made."""
        return self._routed if pipeline == ANSWER else None

    def routes(self) -> list[str]:
        """The one pipeline that there is."""
        return [ANSWER]

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """With the one model and the one embedder that there are."""
        _only(pipeline, ANSWER)
        if model is not None:
            raise UsageError("a model is named in a project folder alone", where="model", found=repr(model))
        models = {self._model.name or "model": self._model}
        return PromptTests(models, embedder=self._embedder, prompt_file=self._prompts.get, tool=self._tool)

    def ledgers(self) -> Sequence[Ledger]:
        """The one that there is, in memory."""
        return [self._ledger]

    def _tool(self, name: str) -> Tool | None:
        return self._tools.get(name) or built_in(name)

    def _index(self, tenant: str) -> Index:
        with self._one:
            if tenant not in self._indexes:
                if self._indexes and (self._store or self._lexical):
                    raise UsageError(
                        "a store given by hand keeps one tenant's chunks",
                        expected=next(iter(self._indexes)),
                        found=tenant,
                        hint="Make one Rag for each tenant, or use a project folder.",
                    )
                self._indexes[tenant] = Index(
                    name=INGEST,
                    tenant=tenant,
                    state=self._state,
                    splitter=self._splitter,
                    embedder=self._embedder,
                    store=self._store or self._default("store", "chroma", tenant, VectorStore),
                    lexical=self._lexical or self._default("lexical", "tantivy", tenant, LexicalIndex),
                    lock=self._lock,
                    tokens=self._tokens,
                )
            return self._indexes[tenant]

    def _default(self, kind: str, type_name: str, tenant: str, protocol: type[T]) -> T:
        return cast("Callable[..., T]", find(kind, type_name))(collection=collection_name(tenant))

    async def close(self) -> None:
        """Closes every part, those given by hand too."""
        async with AsyncExitStack() as ends:
            ends.callback(self.traces.close)
            ends.push_async_callback(asyncio.to_thread, self._state.close)
            parts = (self._reading, self._splitter, self._model, self._ledger, *self._tools.values(), *self._sources)
            for part in parts:
                ends.push_async_callback(part.close)
            for index in self._indexes.values():
                ends.push_async_callback(index.close)


def _in_memory() -> Cache:
    return cast("Callable[..., Cache]", find("cache", "sqlite"))(path=None)


def _prompt_path(name: str) -> Path:
    """A prompt by its path, or one that ships with Ragstone by its name."""
    return Path(name) if name.endswith(".prompty") else template() / "prompts" / f"{name}.prompty"


def _only(asked: str, there: str) -> None:
    if asked != there:
        raise ConfigError(
            f"there is no pipeline {asked!r}", expected=there, hint="Named pipelines need a project folder."
        )
