"""From `cache:` of a pipeline to models whose answers are kept, and to questions that are remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ragstone.caching.flight import Flights
from ragstone.caching.model import CachedModel
from ragstone.caching.screen import Screen
from ragstone.caching.semantic.figures import Figures
from ragstone.caching.semantic.remembering import RememberedQuestions
from ragstone.caching.semantic.watch import Watch
from ragstone.config import Located, expand
from ragstone.errors import ConfigError, NotConfigured
from ragstone.inference.router import Router
from ragstone.pipelines.last_word import Both, Judging, Reranking
from ragstone.pipelines.lookups import Lookups
from ragstone.pipelines.personal import screen_of
from ragstone.pipelines.remembered import Judge, LastWord, Semantic
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.spec import AnswerSpec, CacheSpec, ModelTerms, SemanticSpec
from ragstone.pipelines.watched import Afresh
from ragstone.prompts.file import PromptFile
from ragstone.protocols import Cache, Connector, Model, Reranker

if TYPE_CHECKING:
    from ragstone.caching.semantic.calibration import Calibration

__all__ = ["calibration", "fingerprint", "kept", "semantic"]

DAY = 86_400.0  # seconds
CALIBRATED = ".cache.json"  # in place of a pipeline's .yaml
UNSHAPING = {"kind", "price", "api_key", *ModelTerms.model_fields}
"""The keys of a model's file that shape no answer of it."""


def kept(
    models: Mapping[str, Model | NotConfigured],
    spec: CacheSpec,
    store: Cache,
    *,
    flights: Flights,
    screen: Screen | None = None,
) -> dict[str, Model | NotConfigured]:
    """The models of a route, each behind the cache."""

    def one(model: Model) -> Model:
        return CachedModel(
            model,
            store,
            sampled=spec.sampled,
            scope=spec.scope,
            seconds=spec.days * DAY,
            screen=screen,
            flights=flights,
        )

    return {name: one(model) if isinstance(model, Model) else model for name, model in models.items()}


class Parts(Protocol):
    """Builds what a file names."""

    folder: Path
    files: Mapping[str, Located]
    lookups: Lookups
    prompt_file: Callable[[str], PromptFile] | None

    def cache(self, name: str | None, asked_at: str = "") -> Cache:
        """A cache by its name, or the project's own."""
        ...

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """Any other connector by its name."""
        ...

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """One of a type, from these keys."""
        ...


def semantic(
    pipeline: str, wanted: AnswerSpec, spec: Located, *, router: Router, embedder: str, builder: Parts
) -> Semantic:
    """What the pipelines of one name share, whose `cache.semantic` is on. `spec` says where its keys stand.

    `embedder` is the fingerprint of the index's. Raises ConfigError where nothing was calibrated for it at that bound.
    """
    cached, own = wanted.cache, wanted.cache.semantic if wanted.cache is not None else None
    assert cached is not None, "its cache is on"
    assert own is not None, "and semantic"
    assert builder.prompt_file is not None, "a project has prompts"
    store = builder.cache(cached.store, spec.where(("cache", "store")))
    found = calibration(spec, own, embedder=embedder)
    reranker = None
    if own.rerank is not None:
        reranker = builder.connector("reranker", own.rerank, asked_at=spec.where(("cache", "semantic", "rerank")))
        assert isinstance(reranker, Reranker), "the registry has checked it"
    runner = PromptRunner(router.writing, builder.prompt_file, models=(), lookups=builder.lookups)
    return Semantic(
        pipeline=pipeline,
        questions=RememberedQuestions(store, limit=own.limit, seconds=cached.days * DAY),
        judge=_judge(found),
        watch=Watch(
            store,
            place=str(builder.folder.resolve()),
            pipeline=pipeline,
            calibration=hashlib.blake2b(found.dump().encode(), digest_size=6).hexdigest(),
            bound=own.bound,
            share=own.watch,
        ),
        figures=Figures(store),
        afresh=Afresh(timeout=wanted.route.timeout),
        last=_last_word(own, runner, reranker, wanted.route.timeout),
        sampled=cached.sampled,
        screen=screen_of(wanted.route, cached, spec, builder),
    )


def calibration(spec: Located, wanted: SemanticSpec, *, embedder: str | None) -> Calibration:
    """That of a pipeline, or the one that ships. The fingerprint of the embedder is None where it is not known.

    Raises ConfigError for one that cannot be used, or whose threshold was chosen for a higher bound than is wanted.
    """
    from ragstone.caching.semantic.calibration import calibration_for

    path = spec.path.with_suffix(CALIBRATED)
    found = calibration_for(path, embedder=embedder)
    if wanted.bound < found.bound:
        whose = path.name if path.exists() else "what comes with Ragstone"
        raise ConfigError(
            f"the semantic cache is calibrated for a higher bound, by {whose}",
            where=spec.where(("cache", "semantic", "bound")),
            expected=f"{found.bound:g} or more",
            found=f"{wanted.bound:g}",
            hint=f"Run: ragstone cache calibrate pairs.jsonl --bound {wanted.bound:g} --pipeline {spec.path.stem}",
        )
    return found


def _judge(calibration: Calibration) -> Judge:
    from ragstone.caching.semantic.verifier import Verifier

    return Verifier(calibration)


def _last_word(
    wanted: SemanticSpec, runner: PromptRunner, reranker: Reranker | None, timeout: float
) -> LastWord | None:
    first = Reranking(reranker) if reranker is not None else None
    second = Judging(runner, wanted.judge, timeout=timeout) if wanted.judge is not None else None
    return Both(first, second) if first is not None and second is not None else first or second


def fingerprint(located: Located, files: Mapping[str, Located]) -> str:
    """Of a model: what its file says, with the files that it names, but for what shapes no answer.

    The version of Ragstone is in it: a newer one may quote other sentences.
    """
    said = json.dumps([_version(), _told(located, files, seen=frozenset())], sort_keys=True, default=str)
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


def _told(located: Located, files: Mapping[str, Located], *, seen: frozenset[Path]) -> list[Any]:
    seen |= {located.path}
    given = {key: value for key, value in expand(located, lenient=True).value.items() if key not in UNSHAPING}
    named = (files[value] for value in given.values() if isinstance(value, str) and value in files)
    return [given, [_told(one, files, seen=seen) for one in named if one.path not in seen]]


@cache
def _version() -> str:
    return version("ragstone")
