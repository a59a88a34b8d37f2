"""An index of a data set beside the project's own: made by the project's own pipelines, and gone afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragstone.assembly import ProjectParts
from ragstone.config import STATE
from ragstone.errors import UsageError
from ragstone.evaluation.datasets.layouts import Judged, Text
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.project import Project
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.reports import IngestReport, Progress
from ragstone.trace import Trace
from ragstone.types import Context, Item

__all__ = ["Scratch", "opened"]

KEPT = "eval"  # the folder of kept indexes, in the project's state


class TextSource(Source):
    """The documents of a data set; each one's uri is its id there. A blank one cannot be found, and is left out."""

    name = "data"

    def __init__(self, texts: Sequence[Text]) -> None:
        self.texts = texts

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every document that holds a word."""
        for text in self.texts:
            if text.text.strip():
                yield _item(text)


def _item(text: Text) -> Item:
    data = text.text.encode()
    return Item(
        uri=text.id,
        version=hashlib.blake2b(data + b"\0" + text.title.encode(), digest_size=16).hexdigest(),
        size=len(data),
        read=lambda: data,
        media_type=text.media_type,
        title=text.title,
    )


class Scratch:
    """A data set that can be asked. `answer` is the project's pipeline over it; `report` is of the ingestion."""

    def __init__(self, parts: ProjectParts, tenant: str, pipeline: str, report: IngestReport, where: Path) -> None:
        self.parts, self.tenant, self.pipeline, self.report, self.where = parts, tenant, pipeline, report, where
        self.answer: AnswerPipeline = parts.answer(tenant=tenant, pipeline=pipeline)

    def context(self, name: str) -> Context:
        """A context of its own for one question. Nothing of it comes from the cache."""
        return Context(tenant=self.tenant, cache="off", trace=Trace(name))


@asynccontextmanager
async def opened(
    project: Path,
    data: Judged,
    *,
    pipeline: str = "answer",
    keep: bool = False,
    size: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Scratch]:
    """Ingests a data set and lets it be asked; with `keep` the index stays and the next run starts with it.

    `size` is that of the chunks in tokens, in place of the one in the project's file.

    Raises UsageError when a document of the set could not be ingested: figures of a part would mislead.
    """
    name = f"{data.name}-{hashlib.blake2b(repr([t.id for t in data.texts]).encode(), digest_size=4).hexdigest()}"
    name = f"{name}-{size}" if size is not None else name
    where = project / STATE / KEPT / name if keep else Path(tempfile.mkdtemp(prefix="ragstone-eval-"))
    # A server keeps what it is given by tenant, and must not take this for anyone's documents.
    tenant = f"eval-{name}" if keep else f"eval-{secrets.token_hex(8)}"
    parts = ProjectParts(_cut(Project(project, where), pipeline, size))
    try:
        spec = parts.project.answer_spec(pipeline)
        index = await asyncio.to_thread(parts.index, tenant=tenant, pipeline=spec.index)
        context = Context(tenant=tenant, trace=Trace("eval"))
        try:
            report = await IngestPipeline(index, [TextSource(data.texts)]).run(context=context, progress=progress)
            if report.failed:
                first = report.failed[0]
                raise UsageError(f"could not be ingested: {first.reason}", where=f"{data.name}: {first.uri}")
            yield Scratch(parts, tenant, pipeline, report, where)
        finally:
            if not keep:
                await asyncio.gather(index.store.drop(context=context), index.lexical.drop(context=context))
    finally:
        await parts.close()
        if not keep:
            await asyncio.to_thread(shutil.rmtree, where, ignore_errors=True)


def _cut(project: Project, pipeline: str, size: int | None) -> Project:
    """The project as if its file asked for chunks of that size."""
    if size is not None:
        name = project.answer_spec(pipeline).index
        located = project.pipeline(name)
        split: dict[str, Any] = {**(located.value.get("split") or {}), "size": size}
        project.pipelines[name] = replace(located, value={**located.value, "split": split})
    return project
