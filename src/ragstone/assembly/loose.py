"""Pipelines from parts given by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar, cast

from ragstone.assembly.parts import ANSWER, INGEST
from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.tokens import TokenKeeper
from ragstone.config import template
from ragstone.errors import PipelineNotFound, UsageError
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.capped import CappedModel
from ragstone.inference.metered import MeteredModel
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.checks import loose_guards
from ragstone.pipelines.index import Index, collection_name
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.rebuild import Rebuild
from ragstone.pipelines.routes import Routed
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.pipelines.tools import built_in
from ragstone.prompts.catalog import Entry, entries
from ragstone.prompts.library import Library
from ragstone.protocols import (
    Cache,
    Check,
    Embedder,
    Ledger,
    LexicalIndex,
    Model,
    Source,
    Splitter,
    Tool,
    VectorStore,
)
from ragstone.registry import find
from ragstone.state.backups import Backup
from ragstone.state.conversations import ConversationTables
from ragstone.state.feedback import FeedbackFile
from ragstone.state.jobs import JobFile
from ragstone.state.keys import KeyFile
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState
from ragstone.state.tables import SqliteDatabase
from ragstone.tracing.store import TraceStore
from ragstone.validation.policy import Guard

__all__ = ["LooseParts"]

TIMEOUT = 120.0  # seconds that the models have where no file says it

T = TypeVar("T")


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
        checks: Sequence[Check | Guard] = (),
        state: Path | None = None,
    ) -> None:
        self._guards = loose_guards(checks)
        self._sources = list(sources)
        self._prompt = prompt
        given = embedder or cast("Callable[[], Embedder]", find("embedder", "openvino"))()
        self._tokens = TokenKeeper(given, _in_memory()) if given.capabilities.token_vectors else None
        self._embedder = self._tokens or given
        asked = model or cast("Callable[..., Model]", find("model", "extractive"))(embedder=self._embedder)
        self._ledger = cast("Callable[..., Ledger]", find("ledger", "sqlite"))(path=None)
        self._model = AttemptedModel(MeteredModel(CappedModel(asked), self._ledger))
        self._splitter = splitter or cast("Callable[..., Splitter]", find("splitter", "tokens"))(
            embedder=self._embedder
        )
        self._reading = CachedEmbedder(self._embedder, _in_memory())  # reads the examples of prompts, once each
        self._store, self._lexical, self._tools = store, lexical, dict(tools or {})
        self._state = ProjectState(state)
        self._lock = FileLock(state.with_name(f"{state.name}.lock"), purpose="an ingestion") if state else None
        self.traces = TraceStore(None)
        self.feedback = FeedbackFile(None)
        self.keys = KeyFile(None)
        self.jobs = JobFile(None)
        self.caches = Caches()
        self._conversations = ConversationTables(SqliteDatabase(None, noun="conversations"))
        self._prompts = Library(_prompt_path)
        self._indexes: dict[str, Index] = {}
        self._routed: Routed | None = None
        self._one = threading.RLock()

    def conversations(self) -> ConversationTables:
        """In memory."""
        return self._conversations

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
            guards=self._guards,
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

    def indexes(self) -> list[str]:
        """The one pipeline that there is."""
        return [INGEST]

    def sources(self, *, pipeline: str = INGEST) -> Sequence[Source]:
        """Those that there are."""
        _only(pipeline, INGEST)
        return self._sources

    def embedder(self, *, pipeline: str = INGEST) -> Embedder:
        """The one that there is."""
        _only(pipeline, INGEST)
        return self._embedder

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """With the one model and the one embedder that there are."""
        _only(pipeline, ANSWER)
        if model is not None:
            raise UsageError("a model is named in a project folder alone", where="model", found=repr(model))
        models = {self._model.name or "model": self._model}
        return PromptTests(models, embedder=self._embedder, prompt_file=self._prompts.get, tool=self._tool)

    def prompts(self) -> list[Entry]:
        """Those that ship."""
        return entries(template())

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
        factory = cast("Callable[..., T]", find(kind, type_name))
        return factory(collection=collection_name(tenant))

    def backup(self, target: Path) -> Backup:
        """Refuses: what lies in memory is gone with the process."""
        raise UsageError("parts given by hand have no state to copy", where=str(target), expected="a project folder")

    async def refresh(self) -> bool:
        """Nothing: parts given by hand stand in no file."""
        return False

    async def close(self) -> None:
        """Closes every part, those given by hand too."""
        async with AsyncExitStack() as ends:
            ends.callback(self.traces.close)
            ends.callback(self.feedback.close)
            ends.callback(self.keys.close)
            ends.callback(self.jobs.close)
            ends.push_async_callback(self._conversations.close)
            ends.push_async_callback(asyncio.to_thread, self._state.close)
            parts = (self._reading, self._splitter, self._model, self._ledger, *self._tools.values(), *self._sources)
            for part in parts:
                ends.push_async_callback(part.close)
            for index in self._indexes.values():
                ends.push_async_callback(index.close)


def _in_memory() -> Cache:
    make = cast("Callable[..., Cache]", find("cache", "sqlite"))
    return make(path=None)


def _prompt_path(name: str) -> Path:
    """A prompt by its path, or one that ships with Ragstone by its name."""
    return Path(name) if name.endswith(".prompty") else template() / "prompts" / f"{name}.prompty"


def _only(asked: str, there: str) -> None:
    if asked != there:
        raise PipelineNotFound(
            f"there is no pipeline {asked!r}", expected=there, hint="Named pipelines need a project folder."
        )
