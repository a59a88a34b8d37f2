"""Where the pipelines of a project keep what their models and embedders make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from ragstone.caching.freshness import bare
from ragstone.config import Located, validate
from ragstone.errors import RagstoneError
from ragstone.pipelines.spec import AnswerSpec, IngestSpec, spec_for
from ragstone.protocols import Cache

__all__ = ["Caches", "PipelineCache"]

ANSWERS, VECTORS = "answers.db", "cache.db"  # the project's own files


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineCache:
    """Where a pipeline keeps what its models or its embedder make. `place` is a connector's name, or that of a file.

    `index` is the ingest pipeline whose documents it rests on; `answers` is false for vectors, which rest on none.
    """

    pipeline: str
    index: str
    place: str
    cache: Cache
    answers: bool


class Caches:
    """The caches of a project's pipelines, made when they are asked for.

    `files` gives what stands in `pipelines/`, `make` the cache of that name, or that file where there is none of it.
    """

    def __init__(
        self,
        files: Callable[[], Mapping[str, Located]] = dict,
        make: Callable[[str | None, str], Cache] | None = None,
    ) -> None:
        self._files, self._make = files, make

    def of_pipelines(self, only: str | None = None, *, lenient: bool = False) -> list[PipelineCache]:
        """Those of each pipeline that keeps anything, or of `only` one. Raises ConfigError for a file that is wrong.

        With `lenient`, a pipeline whose file is wrong is left out.
        """
        found: list[PipelineCache] = []
        for name, located in self._files().items():
            if only is not None and name != only:
                continue
            with suppress(RagstoneError) if lenient else nullcontext():
                spec = validate(spec_for(located.value), located)
                keeps = spec.cache if isinstance(spec, IngestSpec) else spec.cache is not None and spec.cache.exact
                if keeps and self._make is not None:
                    found.append(_kept_by(name, spec, self._make))
        return found

    def of_answers(self) -> list[Cache]:
        """Each that answers are kept in, once."""
        return list({id(bare(one.cache)): one.cache for one in self.of_pipelines(lenient=True) if one.answers}.values())


def _kept_by(name: str, spec: IngestSpec | AnswerSpec, make: Callable[[str | None, str], Cache]) -> PipelineCache:
    if isinstance(spec, IngestSpec):
        store, file, index = spec.cache if isinstance(spec.cache, str) else None, VECTORS, name
    else:
        store, file, index = spec.cache.store if spec.cache is not None else None, ANSWERS, spec.index
    cache = make(store, file)
    place = store if store is not None and cache.name == store else file
    return PipelineCache(pipeline=name, index=index, place=place, cache=cache, answers=file == ANSWERS)
