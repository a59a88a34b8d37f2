"""The embedder of a project's pipeline, or outside any project the default one, and the pairs that it embeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ragstone.caching.semantic.fitting import Pair
from ragstone.cli import show
from ragstone.errors import ProjectNotFound
from ragstone.evaluation.pairs import Labelled, embedded, paired
from ragstone.pipelines.build import Builder
from ragstone.project import Project, find
from ragstone.protocols import Embedder
from ragstone.registry import find as find_type
from ragstone.types import Context

__all__ = ["Place", "calibration_path", "embed_pairs", "place_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: with which embedder, and beside which pipeline's file, if in a project."""

    embedder: Embedder
    calibration: Path | None


def place_of(folder: Path, pipeline: str) -> Place:
    """The project that a folder is in, with that pipeline; outside any, the default embedder."""
    try:
        root = find(folder)
    except ProjectNotFound:
        if not folder.is_dir() or pipeline != "answer":
            raise
        return Place(cast("Callable[[], Embedder]", find_type("embedder", "openvino"))(), None)
    project = Project(root)
    spec = project.answer_spec(pipeline)
    builder = Builder(root, project.connectors, plugins=project.plugins)
    embedder = cast("Embedder", builder.connector("embedder", project.ingest_spec(spec.index).embed))
    return Place(embedder, calibration_path(project, pipeline))


def calibration_path(project: Project, pipeline: str) -> Path:
    """Where the semantic cache's calibration lies: beside the pipeline, as `answer.cache.json`."""
    return project.pipeline(pipeline).path.with_suffix(".cache.json")


def embed_pairs(embedder: Embedder, *several: Sequence[Labelled], tokens: bool = True) -> list[list[Pair]]:
    """The pairs of each list with their vectors; a bar on stderr where that is a terminal. Closes the embedder."""
    texts = [text for pairs in several for pair in pairs for text in (pair.text_a, pair.text_b)]

    async def run() -> list[list[Pair]]:
        with show.counting("Embedding") as told:
            try:
                asked = await embedded(texts, embedder, context=Context(), tokens=tokens, told=told)
            finally:
                await embedder.close()
        return [paired(pairs, asked) for pairs in several]

    return asyncio.run(run())
