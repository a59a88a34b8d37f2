"""What comes of putting parts together, whoever gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.rebuild import Rebuild
from ragstone.pipelines.routes import Routed
from ragstone.prompts.catalog import Entry
from ragstone.protocols import Embedder, Ledger, Source
from ragstone.state.backups import Backup
from ragstone.state.conversations import ConversationTables
from ragstone.state.feedback import FeedbackFile
from ragstone.state.jobs import JobFile
from ragstone.state.keys import KeyFile
from ragstone.tracing.store import TraceStore

__all__ = ["ANSWER", "INGEST", "Assembly"]

INGEST, ANSWER = "ingest", "answer"


class Assembly(Protocol):
    """Where pipelines come from. The methods block, and may be called from several threads at once."""

    traces: TraceStore  # where finished ones are kept
    feedback: FeedbackFile  # what people have said of answers
    keys: KeyFile  # who may ask over HTTP
    jobs: JobFile  # ingestions that were asked for
    caches: Caches  # where answers are kept

    def conversations(self) -> ConversationTables:
        """Where conversations are kept. Raises ConfigError where files name two such places."""
        ...

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

    def indexes(self) -> list[str]:
        """The pipelines that ingest."""
        ...

    def sources(self, *, pipeline: str = INGEST) -> Sequence[Source]:
        """What an ingest pipeline reads."""
        ...

    def embedder(self, *, pipeline: str = INGEST) -> Embedder:
        """What embeds for an ingest pipeline; nothing that it reads is kept."""
        ...

    def prompt_tests(self, *, pipeline: str = ANSWER, model: str | None = None) -> PromptTests:
        """What tests prompt files with the models of a pipeline, or with one model by its name."""
        ...

    def prompts(self) -> list[Entry]:
        """Every prompt by name."""
        ...

    def ledgers(self) -> Sequence[Ledger]:
        """Where what calls of models have cost is written down."""
        ...

    def backup(self, target: Path) -> Backup:
        """Copies the state into an archive. Raises UsageError where it lies in memory."""
        ...

    async def refresh(self) -> bool:
        """Reads the files again if they were edited. Raises ConfigError for files that are wrong."""
        ...

    async def close(self) -> None:
        """Gives everything back, also when a part of it fails."""
        ...
