"""What a project keeps beside its answers, and what it has done: the half of a `Rag` that asks no question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ragstone.assembly import Assembly
from ragstone.caches import AsyncCache
from ragstone.callers import NOBODY, Payer, context_of, principals_of
from ragstone.embedded import Embedded, embedded
from ragstone.errors import UsageError
from ragstone.feedback import answered_in
from ragstone.files import AsyncFiles
from ragstone.health import AsyncHealth
from ragstone.histories import AsyncConversations
from ragstone.indexes import AsyncIndex
from ragstone.inference.accounting import costs
from ragstone.keys import AsyncKeys
from ragstone.models import AsyncModels
from ragstone.prompt_files import AsyncPrompts
from ragstone.spending import Costs
from ragstone.state.backups import Backup
from ragstone.state.feedback import Feedback, Said
from ragstone.trace import StoredTrace
from ragstone.tracing.store import LATE
from ragstone.turns import Forgotten, Owner
from ragstone.types import Answer, Context, Document

__all__ = ["AsyncRecords"]


class AsyncRecords:
    """Indexes, models, prompts, caches, keys, health, conversations, documents, traces, feedback and costs."""

    _parts: Assembly

    def index(self, *, tenant: str = "default", pipeline: str = "ingest") -> AsyncIndex:
        """What a tenant's index holds: its status, its differences, one document's chunks, and how to forget one."""
        return AsyncIndex(self._parts, tenant=tenant, pipeline=pipeline)

    def files(self, *, tenant: str = "default", pipeline: str = "ingest") -> AsyncFiles:
        """The documents of a tenant's index as one may see them, and a door for new files."""
        return AsyncFiles(self._parts, tenant=tenant, pipeline=pipeline)

    def models(self, *, tenant: str = "default", pipeline: str = "answer") -> AsyncModels:
        """Which model of a pipeline's route a question would go to, and why."""
        return AsyncModels(self._parts, tenant=tenant, pipeline=pipeline)

    def cache(self, *, pipeline: str | None = None) -> AsyncCache:
        """What the caches of all pipelines hold, or that of one, what they have saved, and how to clear them."""
        return AsyncCache(self._parts, pipeline=pipeline)

    def keys(self) -> AsyncKeys:
        """Who may ask over HTTP: makes keys, lists them, ends them."""
        return AsyncKeys(self._parts)

    def prompts(self) -> AsyncPrompts:
        """The prompt files, each with its text and its faults."""
        return AsyncPrompts(self._parts)

    def health(self, *, pipeline: str = "answer") -> AsyncHealth:
        """Which parts of an answer pipeline can be used now. Nothing that costs money is asked."""
        return AsyncHealth(self._parts, pipeline=pipeline)

    async def backup(self, target: str | Path) -> Backup:
        """Copies what nothing makes again into one file, as of one moment, also while the project is in use.

        That is documents, keys, the ledger, feedback and the runs of suites, where they lie in the project's folder.
        Raises UsageError where the file exists or there is nothing to copy. `ragstone restore` puts it back.
        """
        return await asyncio.to_thread(self._parts.backup, Path(target))

    def conversations(
        self,
        *,
        tenant: str = "default",
        payer: Payer = NOBODY,
        user: str = "",
        principals: Iterable[str] | None = (),
    ) -> AsyncConversations:
        """What one person has asked with one key: lists, shows, renames, branches and deletes it.

        None instead of principals stands for the operator, who may see all of it.
        """
        who = None if principals is None else principals_of(principals)
        return AsyncConversations(self._parts, Owner(tenant=tenant, key=payer.key, user=user), principals=who)

    async def forget_user(self, user: str, /, *, tenant: str = "default") -> Forgotten:
        """Removes everything of one of a tenant's users: conversations with any key, their traces, and feedback.

        Kept answers stay, since no cache knows who has asked for them. Raises UsageError for an empty name.
        """
        if not Owner(tenant=tenant, user=user).user:
            raise UsageError("the user is wrong", expected="a name", found=repr(user))
        tables = await asyncio.to_thread(self._parts.conversations)
        conversations = await tables.forget_user(user, tenant=tenant)
        feedback = await asyncio.to_thread(self._parts.feedback.forget_user, user, tenant=tenant)
        traces = await asyncio.to_thread(self._parts.traces.forget_user, user, tenant=tenant)
        return Forgotten(conversations=conversations, feedback=feedback, traces=traces)

    async def routes(self) -> list[str]:
        """The pipelines that have a route, by name."""
        return await asyncio.to_thread(self._parts.routes)

    async def indexes(self) -> list[str]:
        """The pipelines that ingest, by name."""
        return await asyncio.to_thread(self._parts.indexes)

    async def embed(self, texts: Sequence[str], /, *, pipeline: str = "ingest") -> Embedded:
        """The vectors of passages, by the embedder of an ingest pipeline; nothing of them is kept.

        Raises UsageError for a text that is empty, or longer than the embedder reads: nothing is cut silently.
        """
        embedder = await asyncio.to_thread(self._parts.embedder, pipeline=pipeline)
        return await embedded(embedder, texts)

    async def document(
        self, document_id: str, *, principals: Iterable[str] = (), tenant: str = "default", pipeline: str = "answer"
    ) -> Document | None:
        """One document with its text, by a hit's `chunk.document_id`; None where the principals may not see it."""
        context = context_of("document", tenant, principals)
        found = await asyncio.to_thread(self._parts.answer, tenant=tenant, pipeline=pipeline)
        return await found.document(document_id, context=context)

    async def trace(
        self, trace_id: str, *, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> StoredTrace | None:
        """What happened during one request of a tenant, by its id or the beginning of it.

        A request is shown to who has all the principals that it was made with, since it tells what they may see. None
        instead of principals stands for the operator, who may see every request, and each ingestion. One that is not
        there is looked for again: another process of the project may have given the answer, and be about to write it.
        """
        who = None if principals is None else principals_of(principals)
        traces = self._parts.traces
        found = await asyncio.to_thread(traces.show, trace_id, tenant=tenant, principals=who)
        for seconds in LATE if traces.path is not None else ():
            if found is not None:
                break
            await asyncio.sleep(seconds)
            found = await asyncio.to_thread(traces.show, trace_id, tenant=tenant, principals=who)
        return found

    async def traces(
        self, *, limit: int = 20, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> list[StoredTrace]:
        """A tenant's last requests that the principals may see, newest first; see `trace`."""
        who = None if principals is None else principals_of(principals)
        return await asyncio.to_thread(self._parts.traces.newest, limit, tenant=tenant, principals=who)

    async def feedback(
        self,
        of: Answer | str,
        /,
        *,
        good: bool | None = None,
        correction: str = "",
        comment: str = "",
        by: str = "",
        principals: Iterable[str] | None = (),
        tenant: str = "default",
    ) -> Feedback:
        """Keeps what a person says of an answer, or of the one with that trace: thumbs up or down, and what is right.

        `by` says who it is, and a later word of theirs replaces the earlier one. Raises UsageError for a trace that is
        gone or not for these principals (None stands for the operator), and where nothing is said.
        """
        said = Said(good=good, correction=correction, comment=comment, by=by)
        trace_id = of if isinstance(of, str) else of.trace_id
        trace = await self.trace(trace_id, principals=principals, tenant=tenant)
        given = answered_in(trace, trace_id)
        return await asyncio.to_thread(self._parts.feedback.keep, given, said, tenant=tenant)

    async def feedbacks(self, *, limit: int | None = None, tenant: str = "default") -> list[Feedback]:
        """What people have said of a tenant's answers, the last first. It is the operator's to read."""
        return await asyncio.to_thread(self._parts.feedback.newest, limit, tenant=tenant)

    async def costs(self, *, since: date | str = "", until: date | str = "", tenant: str | None = None) -> Costs:
        """What models have cost from one day of UTC to another, both included, and what is claimed now.

        Without days it is this month so far, without a tenant that of all. Calls that broke off are estimated.
        """
        ledgers = await asyncio.to_thread(self._parts.ledgers)
        return await costs(ledgers, since=since, until=until, tenant=tenant, context=Context())
