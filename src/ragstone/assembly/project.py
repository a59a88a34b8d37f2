"""Pipelines of a project folder."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

from ragstone.assembly.parts import ANSWER, INGEST
from ragstone.assembly.reading import Reading
from ragstone.caching.replies import ReplyCache
from ragstone.config import Located
from ragstone.errors import ConfigError, NotConfigured, PromptError, UsageError
from ragstone.inference.choosing import Route
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.build import Builder
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.databases import database_of
from ragstone.pipelines.declared import declared_kind
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.lookups import Lookups
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.rebuild import Rebuild
from ragstone.pipelines.routes import Healths, Routed, confidential
from ragstone.pipelines.spec import INTERACTION, AnswerSpec, IngestSpec, spec_for
from ragstone.project import Project, Stamp
from ragstone.prompts.catalog import Entry, entries
from ragstone.prompts.library import Library
from ragstone.protocols import (
    Cache,
    Embedder,
    Ledger,
    Lookup,
    Reranker,
    Source,
    Tool,
    TraceSink,
)
from ragstone.state.backups import Backup, Using, back_up
from ragstone.state.conversations import ConversationTables
from ragstone.state.feedback import FeedbackFile
from ragstone.state.jobs import JobFile
from ragstone.state.keys import KeyFile
from ragstone.state.lease import LeaseLock
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState
from ragstone.state.tables import SqliteDatabase
from ragstone.tracing.store import TraceStore

__all__ = ["ProjectParts"]

log = logging.getLogger("ragstone")

TICK = 50_000_000  # nanoseconds, within which two edits may look like one


class ProjectParts:
    """Pipelines of a project folder, whose files are read when they are first needed, and again by `refresh`.

    Its prompts are read each time. Each index is opened once for each tenant that has documents.
    """

    def __init__(self, project: Project) -> None:
        self._using = Using(project.state_folder)
        if project.state_folder.is_dir():
            self._using.begin()
        self._seen: Stamp | None = None  # of the files as they were looked at last
        self._fault: ConfigError | None = None
        self._prompts = Library(
            lambda name: self.project.prompt_path(name), lambda file: self.project.check_prompt(file)
        )
        self._replies = ReplyCache(project.state_folder / "replies.db")
        self._lookups = Lookups(self._lookup, self._replies)
        self._sinks: list[TraceSink] | None = None
        self.traces = TraceStore(
            project.state_folder / "traces.db",
            kept=project.settings.traces,
            days=project.settings.trace_days,
            sinks=self._traces_to,
        )
        self.feedback = FeedbackFile(project.state_folder / "feedback.db")
        self.keys = KeyFile(project.state_folder / "keys.db")
        self.jobs = JobFile(project.state_folder / "jobs.db")
        self.caches = Caches(lambda: self.project.pipelines, self._cache)
        self._conversations: ConversationTables | None = None
        self._one = threading.RLock()  # two threads must not build the same part twice
        self._healths = Healths()  # of requests that are under way, too, when files are read again
        self._now, self._past = Reading(project, self._builder), list[Reading]()
        self._state: ProjectState | None = None

    @property
    def project(self) -> Project:
        """The folder as it was read last."""
        return self._now.project

    def conversations(self) -> ConversationTables:
        """In the database that a file of `connectors/` names, or else in a file of the project's own."""
        with self._one:
            if self._conversations is None:
                own = SqliteDatabase(self.project.state_folder / "conversations.db", noun="conversations")
                self._conversations = ConversationTables(database_of(self._builder(self.project)) or own)
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
            self._now.indexes[pipeline, tenant] = index
            return self._now.lend(IngestPipeline(index, self._now.builder.sources(self.project.pipeline(pipeline))))

    def rebuild(self, *, tenant: str, pipeline: str = INGEST) -> Rebuild:
        """Fills a new edition beside the one that questions are answered from."""
        with self._one:
            live = self._index(pipeline, tenant)
            self._now.indexes[pipeline, tenant] = live
            shadow = self._made(pipeline, tenant, edition=live.edition + 1, lock=None)
            past = self._made(pipeline, tenant, edition=live.edition - 1, lock=None) if live.edition else None
            self._now.beside += [part for part in (shadow, past) if part is not None]
            sources = self._now.builder.sources(self.project.pipeline(pipeline))
            return self._now.lend(Rebuild(live, IngestPipeline(shadow, sources), past=past))

    def index(self, *, tenant: str, pipeline: str = INGEST) -> Index:
        """The edition that counts of the index that `pipelines/<pipeline>.yaml` writes."""
        with self._one:
            index = self._index(pipeline, tenant)
            self._now.indexes[pipeline, tenant] = index
            return self._now.lend(index)

    def answer(self, *, tenant: str, pipeline: str = ANSWER) -> AnswerPipeline:
        """The pipeline of `pipelines/<pipeline>.yaml`."""
        with self._one:
            kept = self._now.answers.get((pipeline, tenant))
            if kept is not None and self._index(kept.index.name, tenant) is kept.index:
                return kept
            spec = self.project.answer_spec(pipeline)
            builder, located = self._now.builder, self.project.pipeline(pipeline)
            router = builder.router(spec.route, located, cache=spec.cache, limits=spec.limits)
            index = self._index(spec.index, tenant)
            made = AnswerPipeline(
                index,
                router,
                prompt=spec.prompt,
                chat=spec.chat,
                prompt_file=self._prompts.get,
                retrieve=spec.retrieve,
                reranker=self._reranker(spec, located),
                semantic=builder.semantic(pipeline, spec, located, router=router, embedder=index.embedder),
                begin=builder.caches.begin,
                timeout=spec.route.timeout,
                limits=spec.limits,
                confidential=confidential(spec.route),
                sorts=spec.route.data not in ("any", "local_only"),
                guards=builder.guards(spec, located, embedder=index.embedder, router=router),
                lookups=self._lookups,
                tool=self._tool,
            )
            if not index.state.facts(index.key, tenant=tenant).empty:  # names that nobody knows are not remembered
                self._now.indexes[spec.index, tenant] = index
                self._now.answers[pipeline, tenant] = made
            return self._now.lend(made)

    def route(self, *, pipeline: str = ANSWER) -> Routed:
        """The models of `pipelines/<pipeline>.yaml`."""
        with self._one:
            routes = self._now.routes
            if pipeline not in routes:
                spec = self.project.answer_spec(pipeline)
                located = self.project.pipeline(pipeline)
                router = self._now.builder.router(spec.route, located, cache=spec.cache, limits=spec.limits).writing
                prompts, timeout = self.project.root / "prompts", spec.route.timeout
                made = Routed(router=router, timeout=timeout, prompts=prompts, limits=spec.limits)
                routes[pipeline] = self._now.lend(made)
            return routes[pipeline]

    def kept_route(self, pipeline: str) -> Routed | None:
        """As it was made last."""
        return self._now.routes.get(pipeline)

    def routes(self) -> list[str]:
        """Those of `pipelines/` that answer."""
        with self._one:
            found = self.project.pipelines
            return [name for name in found if spec_for(found[name].value) is AnswerSpec]

    def indexes(self) -> list[str]:
        """Those of `pipelines/` that ingest."""
        with self._one:
            found = self.project.pipelines
            return [name for name in found if spec_for(found[name].value) is IngestSpec]

    def sources(self, *, pipeline: str = INGEST) -> Sequence[Source]:
        """Those of `pipelines/<pipeline>.yaml`."""
        with self._one:
            self.project.ingest_spec(pipeline)
            return self._now.builder.sources(self.project.pipeline(pipeline))

    def embedder(self, *, pipeline: str = INGEST) -> Embedder:
        """The connector that `embed:` names, without a cache."""
        with self._one:
            named = self.project.ingest_spec(pipeline).embed
            return cast("Embedder", self._now.lend(self._now.builder.connector("embedder", named)))

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """With the models of `pipelines/<pipeline>.yaml` and the embedder of its index, which is not opened."""
        with self._one:
            testers = self._now.testers
            if (pipeline, model) not in testers:
                spec = self.project.answer_spec(pipeline)
                builder = self._builder(self.project)
                self._now.beside.append(builder)
                route = spec.route if model is None else spec.route.model_copy(update={"models": [model]})
                models = builder.models(route, self.project.pipeline(pipeline))
                if model is not None:
                    Router(models).require()
                embedder = cast("Embedder", builder.connector("embedder", self.project.ingest_spec(spec.index).embed))
                testers[pipeline, model] = self._now.lend(
                    PromptTests(
                        models,
                        embedder=embedder,
                        prompt_file=self._prompts.get,
                        tool=builder.tool,
                        route=Route(healths=self._healths.known, local_only=route.data == "local_only"),
                    )
                )
            return testers[pipeline, model]

    def prompts(self) -> list[Entry]:
        """Those of `prompts/`, and those that ship."""
        return entries(self.project.root)

    def ledgers(self) -> Sequence[Ledger]:
        """The project's own, and its connectors of that kind."""
        with self._one:
            return self._now.builder.ledgers

    def backup(self, target: Path) -> Backup:
        """Of the precious files in the state's folder; what stands in servers is for them to copy."""
        return back_up(self.project.state_folder, target)

    def _traces_to(self) -> Sequence[TraceSink]:
        """Whom finished traces are sent to, by the files of `connectors/` as they were when the first one ended."""
        with self._one:
            if self._sinks is None:
                builder, self._sinks = self._builder(self.project), list[TraceSink]()
                for name, located in self.project.connectors.items():
                    try:
                        if declared_kind(located) == "traces":
                            self._sinks.append(cast("TraceSink", builder.connector("traces", name)))
                    except NotConfigured:
                        continue
                    except ConfigError as error:
                        log.warning("Traces are not sent: %s", error)
            return self._sinks

    def _reranker(self, spec: AnswerSpec, located: Located) -> Reranker | None:
        named = spec.retrieve.rerank
        if named is None or named.by == INTERACTION:
            return None
        return self._now.builder.reranker(named.by, located)

    def _lookup(self, name: str) -> Lookup:
        with self._one:
            return self._now.builder.lookup(name)

    def _cache(self, name: str | None, file: str) -> Cache:
        with self._one:
            return self._now.builder.cache(name, file=file)

    def _tool(self, name: str) -> Tool | None:
        with self._one:
            return self._now.builder.tool(name)

    def _project_state(self) -> ProjectState:
        if self._state is None:
            self._using.begin()
            self._state = ProjectState(self.project.state_folder / "project.db")
        return self._state

    def _index(self, name: str, tenant: str) -> Index:
        """The edition that counts now. A new one may have been made by other files than those that were read here."""
        edition = self._project_state().edition(name, tenant=tenant)
        found = self._now.indexes.get((name, tenant))
        if found is not None and found.edition == edition:
            return found
        if found is not None:
            self._turn(Project(self.project.root, self.project.state))
        lock = LeaseLock(self.project.state_folder / "ingest.lock", purpose="ragstone ingest")
        return self._made(name, tenant, edition=edition, lock=lock)

    def _made(self, name: str, tenant: str, *, edition: int, lock: FileLock | None) -> Index:
        spec, located = self.project.ingest_spec(name), self.project.pipeline(name)
        state = self._project_state()
        made = self._now.builder.index(name, spec, located, tenant=tenant, state=state, lock=lock, edition=edition)
        made.caches = self.caches
        return made

    def _builder(self, project: Project) -> Builder:
        return Builder(
            project.root,
            project.connectors,
            plugins=project.plugins,
            prompt_file=self._prompts.get,
            state=project.state_folder,
            lookups=self._lookups,
            healths=self._healths,
        )

    # ── When the files change ────────────────────────────────────────────────────────────────────────────────────────

    async def refresh(self) -> bool:
        """Reads connectors and pipelines again where they were edited; requests under way keep what they began with.

        Returns whether anything else counts now. Raises the first ConfigError of files that are wrong: those that were
        read before count on.
        """
        changed = await asyncio.to_thread(self._read_again)
        for past in [past for past in self._past if past.idle]:
            self._past.remove(past)
            await past.close()
        return changed

    def _read_again(self) -> bool:
        found = self.project.stamp()
        if found == self._seen:
            if self._fault is not None:
                raise self._fault
            return False
        # What was written a moment ago may be written once more before the file system's clock has moved.
        written = max((one[2] for one in found), default=0)
        self._seen, self._fault = None if abs(time.time_ns() - written) < TICK else found, None
        before, anew = (Project(self.project.root, self.project.state) for _ in range(2))
        try:
            before.require_settings()
            if before.says_as(self.project):
                return False
            for fault in anew.faults():
                if not isinstance(fault, PromptError):  # a prompt is read each time, and tells its own faults
                    raise fault
            if not anew.says_as(before):  # somebody is writing: what was checked is not what would count
                self._seen = None
                return False
        except ConfigError as fault:
            self._fault = fault
            raise
        with self._one:
            self._turn(anew)
        return True

    def _turn(self, project: Project) -> None:
        """Begins a reading of the files anew; requests under way still use the past one."""
        self._now.retire()
        self._past.append(self._now)
        self._now = Reading(project, self._builder)

    async def _close_sinks(self) -> None:
        async with AsyncExitStack() as ends:
            for sink in self._sinks or ():
                ends.push_async_callback(sink.close)

    async def close(self) -> None:
        """Closes what was opened."""
        async with AsyncExitStack() as ends:
            ends.callback(self._using.end)
            ends.push_async_callback(self._close_sinks)  # after the last trace was handed to them
            ends.callback(self.traces.close)
            ends.callback(self.feedback.close)
            ends.callback(self.keys.close)
            ends.callback(self.jobs.close)
            if self._conversations is not None:
                ends.push_async_callback(self._conversations.close)
            ends.callback(self._replies.close)
            if self._state is not None:
                ends.push_async_callback(asyncio.to_thread, self._state.close)
            for reading in (self._now, *self._past):
                ends.push_async_callback(reading.close)
