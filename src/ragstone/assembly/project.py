"""Pipelines of a project folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

from ragstone.assembly.parts import ANSWER, INGEST
from ragstone.caching.replies import ReplyCache
from ragstone.config import Located
from ragstone.errors import UsageError
from ragstone.inference.choosing import Route
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.build import Builder
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.databases import database_of
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.lookups import Lookups
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.rebuild import Rebuild
from ragstone.pipelines.routes import Healths, Routed, confidential
from ragstone.pipelines.spec import INTERACTION, AnswerSpec, spec_for
from ragstone.project import Project
from ragstone.prompts.library import Library
from ragstone.protocols import (
    Cache,
    Embedder,
    Ledger,
    Lookup,
    Reranker,
    Tool,
)
from ragstone.state.conversations import ConversationTables
from ragstone.state.feedback import FeedbackFile
from ragstone.state.keys import KeyFile
from ragstone.state.lease import LeaseLock
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState
from ragstone.state.tables import SqliteDatabase
from ragstone.tracing.store import TraceStore

__all__ = ["ProjectParts"]


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
        self.feedback = FeedbackFile(project.state_folder / "feedback.db")
        self.keys = KeyFile(project.state_folder / "keys.db")
        self.caches = Caches(lambda: self.project.pipelines, self._cache)
        self._conversations: ConversationTables | None = None
        self._indexes: dict[tuple[str, str], Index] = {}
        self._answers: dict[tuple[str, str], AnswerPipeline] = {}
        self._routes: dict[str, Routed] = {}
        self._testers: dict[tuple[str, str | None], PromptTests] = {}
        self._one = threading.RLock()  # two threads must not build the same part twice
        self._built: tuple[Builder, ProjectState] | None = None
        self._retired: list[Builder | Index] = []
        self._healths = Healths()  # of requests that are under way, too, when files are read again

    def conversations(self) -> ConversationTables:
        """In the database that a file of `connectors/` names, or else in a file of the project's own."""
        with self._one:
            if self._conversations is None:
                own = SqliteDatabase(self.project.state_folder / "conversations.db", noun="conversations")
                self._conversations = ConversationTables(database_of(self._parts()[0]) or own)
            return self._conversations

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
            router = builder.router(spec.route, located, cache=spec.cache, limits=spec.limits)
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
                limits=spec.limits,
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
                router = self._parts()[0].router(spec.route, located, cache=spec.cache, limits=spec.limits).writing
                prompts, timeout = self.project.root / "prompts", spec.route.timeout
                self._routes[pipeline] = Routed(router=router, timeout=timeout, prompts=prompts, limits=spec.limits)
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
            ends.callback(self.feedback.close)
            ends.callback(self.keys.close)
            if self._conversations is not None:
                ends.push_async_callback(self._conversations.close)
            ends.callback(self._replies.close)
            if self._built is not None:
                builder, state = self._built
                ends.push_async_callback(asyncio.to_thread, state.close)
                ends.push_async_callback(builder.close)
            for part in (*self._retired, *self._indexes.values()):
                ends.push_async_callback(part.close)
