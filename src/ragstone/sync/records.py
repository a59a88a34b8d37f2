"""The half of a `Rag` that asks no question, blocking; its twin is `ragstone.records`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ragstone.callers import NOBODY, Payer
from ragstone.embedded import Embedded
from ragstone.rag import AsyncRag
from ragstone.spending import Costs
from ragstone.state.backups import Backup
from ragstone.state.feedback import Feedback
from ragstone.sync.faces import Cache, Conversations, Files, Health, Index, Keys, Models, Prompts
from ragstone.sync.loop import waited
from ragstone.trace import StoredTrace
from ragstone.turns import Forgotten
from ragstone.types import Answer, Document

__all__ = ["Records"]


class Records:
    """Indexes, models, prompts, caches, keys, health, conversations, documents, traces, feedback and costs."""

    _rag: AsyncRag

    def index(self, *, tenant: str = "default", pipeline: str = "ingest") -> Index:
        """What a tenant's index holds: its status, its differences, one document's chunks, and how to forget one."""
        return Index(self._rag.index(tenant=tenant, pipeline=pipeline))

    def files(self, *, tenant: str = "default", pipeline: str = "ingest") -> Files:
        """The documents of a tenant's index as one may see them, and a door for new files."""
        return Files(self._rag.files(tenant=tenant, pipeline=pipeline))

    def models(self, *, tenant: str = "default", pipeline: str = "answer") -> Models:
        """Which model of a pipeline's route a question would go to, and why."""
        return Models(self._rag.models(tenant=tenant, pipeline=pipeline))

    def cache(self, *, pipeline: str | None = None) -> Cache:
        """What the caches of all pipelines hold, or that of one, what they have saved, and how to clear them."""
        return Cache(self._rag.cache(pipeline=pipeline))

    def keys(self) -> Keys:
        """Who may ask over HTTP: makes keys, lists them, ends them."""
        return Keys(self._rag.keys())

    def prompts(self) -> Prompts:
        """The prompt files, each with its text and its faults."""
        return Prompts(self._rag.prompts())

    def health(self, *, pipeline: str = "answer") -> Health:
        """Which parts of an answer pipeline can be used now. Nothing that costs money is asked."""
        return Health(self._rag.health(pipeline=pipeline))

    def backup(self, target: str | Path) -> Backup:
        """Copies what nothing makes again into one file, as of one moment, also while the project is in use."""
        return waited(self._rag.backup(target))

    def conversations(
        self,
        *,
        tenant: str = "default",
        payer: Payer = NOBODY,
        user: str = "",
        principals: Iterable[str] | None = (),
    ) -> Conversations:
        """What one person has asked with one key; None asks as the operator."""
        return Conversations(self._rag.conversations(tenant=tenant, payer=payer, user=user, principals=principals))

    def forget_user(self, user: str, /, *, tenant: str = "default") -> Forgotten:
        """Removes everything of one of a tenant's users: conversations with any key, their traces, and feedback."""
        return waited(self._rag.forget_user(user, tenant=tenant))

    def routes(self) -> list[str]:
        """The pipelines that have a route, by name."""
        return waited(self._rag.routes())

    def indexes(self) -> list[str]:
        """The pipelines that ingest, by name."""
        return waited(self._rag.indexes())

    def embed(self, texts: Sequence[str], /, *, pipeline: str = "ingest") -> Embedded:
        """The vectors of passages, by the embedder of an ingest pipeline; nothing of them is kept."""
        return waited(self._rag.embed(texts, pipeline=pipeline))

    def document(
        self, document_id: str, *, principals: Iterable[str] = (), tenant: str = "default", pipeline: str = "answer"
    ) -> Document | None:
        """One document with its text, by a hit's `chunk.document_id`; None where the principals may not see it."""
        return waited(self._rag.document(document_id, principals=principals, tenant=tenant, pipeline=pipeline))

    def trace(
        self, trace_id: str, *, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> StoredTrace | None:
        """What happened during one request of a tenant, by its id or the beginning of it; None asks as the operator."""
        return waited(self._rag.trace(trace_id, principals=principals, tenant=tenant))

    def traces(
        self, *, limit: int = 20, principals: Iterable[str] | None = (), tenant: str = "default"
    ) -> list[StoredTrace]:
        """A tenant's last requests that the principals may see, newest first; None asks as the operator."""
        return waited(self._rag.traces(limit=limit, principals=principals, tenant=tenant))

    def feedback(
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
        """Keeps what a person says of an answer, or of the one with that trace: thumbs, and what is right."""
        return waited(
            self._rag.feedback(
                of, good=good, correction=correction, comment=comment, by=by, principals=principals, tenant=tenant
            )
        )

    def feedbacks(self, *, limit: int | None = None, tenant: str = "default") -> list[Feedback]:
        """What people have said of a tenant's answers, the last first; it is the operator's."""
        return waited(self._rag.feedbacks(limit=limit, tenant=tenant))

    def costs(self, *, since: date | str = "", until: date | str = "", tenant: str | None = None) -> Costs:
        """What models have cost from one day of UTC to another, both included, and what is claimed now."""
        return waited(self._rag.costs(since=since, until=until, tenant=tenant))
