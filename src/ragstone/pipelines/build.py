"""From the files of a project to living parts. Each connector is built once, when it is first needed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from ragstone.config import STATE, Located, bind, expand
from ragstone.errors import ConfigError, EmbedderError, NotConfigured, UsageError, nearest
from ragstone.inference.owed import owed_to
from ragstone.inference.router import Router
from ragstone.ingestion.workers import Workers
from ragstone.pipelines.admission import Admission
from ragstone.pipelines.cache_parts import CacheParts
from ragstone.pipelines.caches import fingerprint, kept, semantic
from ragstone.pipelines.checks import admission_of, guards_of
from ragstone.pipelines.declared import declared_kind, key_of, variable_of
from ragstone.pipelines.embedders import Embedders, Reading
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.index import Index, collection_name
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.lookups import NO_LOOKUPS, Lookups
from ragstone.pipelines.personal import private, screen_of
from ragstone.pipelines.remembered import Semantic
from ragstone.pipelines.routes import Healths, guarded, route
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.situate import Situator
from ragstone.pipelines.spec import AnswerSpec, CacheSpec, CheckTerms, IngestSpec, ModelTerms, RouteSpec, SourceTerms
from ragstone.pipelines.tools import BUILT_IN, built_in
from ragstone.prompts.file import PromptFile
from ragstone.protocols import (
    Cache,
    Connector,
    Embedder,
    Ledger,
    LexicalIndex,
    Lookup,
    Model,
    Reranker,
    Source,
    Splitter,
    Tool,
    VectorStore,
)
from ragstone.registry import find
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState

__all__ = ["Builder", "Parsing"]

C = TypeVar("C", bound=Connector)

LEXICAL_DEFAULT, LEDGER_DEFAULT = "tantivy", "sqlite"
BESIDE = {"model": ModelTerms, "check": CheckTerms, "source": SourceTerms}
"""The keys that every connector of a kind may have beside its own."""


class Parsing(TypedDict):
    """What of an index has to do with parsing."""

    reader: Workers
    parsing: str


class Builder:
    """Builds connectors by name. `files` maps each name to what stands in `connectors/<name>.yaml`.

    `state` is where the project's state lies, if not in `.ragstone/`. `healths` are those of its models, if they are
    known already.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, Located],
        *,
        plugins: bool = False,
        prompt_file: Callable[[str], PromptFile] | None = None,
        state: Path | None = None,
        lookups: Lookups = NO_LOOKUPS,
        healths: Healths | None = None,
    ) -> None:
        self.prompt_file, self.lookups = prompt_file, lookups
        self.state = state or folder / STATE
        self.folder, self.files, self.plugins = folder, files, plugins
        self._built: dict[tuple[str, str], Connector] = {}
        self.healths = healths or Healths()
        self.caches = CacheParts(
            place=str(folder.resolve()), state=self.state, named=partial(self._typed, Cache, "cache")
        )
        self._embedders = Embedders(partial(self.cache, None, file="tokens.db"))

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """The connector of that name. Raises ConfigError when there is none, or when it is of another kind."""
        if (kind, name) not in self._built or given:
            built = self._build(kind, name, asked_at, given)
            if given:
                return built
            self._built[kind, name] = built
        return self._built[kind, name]

    def declared(self, kind: str, name: str, *, asked_at: str = "") -> Located:
        """The file of a connector. Raises ConfigError when there is none, or when it is of another kind."""
        located = self.files.get(name)
        if located is None:
            files = {other: cast("object", file.value) for other, file in self.files.items()}
            alike = [other for other, value in files.items() if isinstance(value, dict) and value.get("kind") == kind]  # pyright: ignore[reportUnknownMemberType]
            raise ConfigError(
                f"there is no connector {name!r}",
                where=asked_at or str(self.folder / "connectors"),
                expected="one of " + ", ".join(sorted(self.files)),
                hint=nearest(name, alike) or f"Write connectors/{name}.yaml",
            )
        found = declared_kind(located)
        if found != kind:
            where = asked_at or located.where(("kind",))
            raise ConfigError(f"{name!r} is of kind {found}", where=where, expected=kind)
        return located

    def _build(self, kind: str, name: str, asked_at: str, given: Mapping[str, Any]) -> Connector:
        return self.make(kind, self.declared(kind, name, asked_at=asked_at), name=name, **given)

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """Builds one connector from what stands in its file."""
        filled = expand(located)
        settings = {key: value for key, value in filled.value.items() if key not in ("kind", "type")}
        type_name = filled.value.get("type", "")
        try:
            factory = self._found(kind, str(type_name))
            if kind == "source" and "root" not in inspect.signature(factory).parameters:
                given = {key: value for key, value in given.items() if key != "root"}  # it reads no files
            arguments = bind(
                factory,
                replace(filled, value=settings),
                folder=self.folder,
                connector=partial(self._asked, located),
                given=given,
                state=self.state,
                beside=BESIDE.get(kind),
            )
            if kind == "model" and arguments.get("cache", "") is None:
                arguments["cache"] = self.state / "cache.db"  # where it is kept what its server can do
            built = factory(**arguments)
        except NotConfigured as error:
            error.where = error.where or located.where()
            if (variable := variable_of(located, error.message)) in filled.unset:
                error.message, error.hint = f"{variable} is not set", f"Run: export {variable}=…"
            raise
        except ConfigError as error:
            error.where = error.where or located.where(key_of(located, error.message) or ("type",))
            raise
        built.name = name
        if isinstance(built, Source):
            built.trust = filled.value.get("trust") or built.trust
        if isinstance(built, Model) and not built.fingerprint:
            built.fingerprint = fingerprint(located, self.files)
        return built

    def _found(self, kind: str, type_name: str) -> type[Connector]:
        """The class of a type. Raises ConfigError for one that runs code named by a file, where that is not allowed."""
        factory = find(kind, type_name)
        if factory.runs_code and not self.plugins:
            raise ConfigError(
                f"the {kind} {type_name!r} runs code that this file names, and the project does not allow that",
                hint="If you trust it: set plugins = true under [tool.ragstone] in pyproject.toml.",
            )
        return factory

    def check(self, name: str, located: Located) -> None:
        """Checks a connector's file, also where a variable of it is not set. Raises ConfigError."""
        kind = declared_kind(located)
        filled = expand(located, lenient=True)
        settings = {key: value for key, value in filled.value.items() if key not in ("kind", "type")}
        try:
            factory = self._found(kind, str(filled.value.get("type", "")))
        except ConfigError as error:
            error.where = located.where(("type",))
            raise
        there = partial(self._there, name, located)
        arguments = bind(
            factory, replace(filled, value=settings), folder=self.folder, connector=there, beside=BESIDE.get(kind)
        )
        path = arguments.get("path")
        if kind == "source" and isinstance(path, Path) and not path.exists():
            where = located.where(("path",))
            raise ConfigError(
                "there is no such folder", where=where, found=str(path), hint="Make it, or correct `path`."
            )
        if filled.unset:
            return
        try:
            factory(**arguments)  # constructors open nothing, but know more than their annotations say
        except NotConfigured:
            return
        except (ConfigError, UsageError) as error:
            raise ConfigError(
                error.message,
                where=error.where or located.where(key_of(located, error.message)),
                expected=error.expected,
                found=error.found,
                hint=error.hint,
            ) from None

    def _asked(self, located: Located, kind: str, other: str) -> Connector:
        """A connector that a file names; what is wrong with the name is told at that line."""
        keys = [key for key, value in located.value.items() if value == other]
        return self.connector(kind, other, asked_at=located.where((*keys[:1],)))

    def check_splitter(self, wanted: IngestSpec, spec: Located) -> None:
        """Checks the keys of `split:`. Raises ConfigError."""
        located = _split_section(wanted, spec)
        try:
            factory = find("splitter", wanted.split.by)
        except ConfigError as error:
            error.where = spec.where(("split", "by"))
            raise
        settings = {key: value for key, value in located.value.items() if key != "type"}
        given = {"embedder": None}
        arguments = bind(
            factory, replace(located, value=settings), folder=self.folder, connector=self.connector, given=given
        )
        try:
            factory(**{**arguments, "embedder": self.connector("embedder", wanted.embed)})
        except EmbedderError:
            return  # without its weights the window is not known
        except ConfigError as error:
            error.where = error.where or spec.where(("split",))
            raise

    def _there(self, name: str, located: Located, kind: str, other: str) -> Connector:
        target = self.files.get(other)
        if target is None or declared_kind(target) != kind:
            raise ConfigError(f"{name!r} needs the {kind} {other!r}, which is not there", where=located.where())
        return cast("Connector", None)

    # ── The parts of pipelines ───────────────────────────────────────────────────────────────────────────────────────

    def index(
        self,
        name: str,
        wanted: IngestSpec,
        spec: Located,
        *,
        tenant: str,
        state: ProjectState,
        lock: FileLock | None,
        edition: int = 0,
    ) -> Index:
        """One edition of the index that an ingest pipeline writes, for one tenant.

        `spec` says where each of its keys stands.
        """
        reading = self.reading(wanted, spec)
        embedder = reading.embedder
        own = (name, tenant, f"#{edition}") if edition else (name, tenant)
        collection = collection_name(*own, embedder.fingerprint)
        store = self._typed(VectorStore, "store", wanted.store, spec.where(("store",)), collection=collection)
        terms = collection_name(*own)
        if wanted.lexical in self.files or wanted.lexical != LEXICAL_DEFAULT:
            lexical = self._typed(LexicalIndex, "lexical", wanted.lexical, spec.where(("lexical",)), collection=terms)
        else:
            empty = Located({"type": LEXICAL_DEFAULT, "path": ".ragstone/lexical"}, spec.path, {})
            lexical = cast("LexicalIndex", self.make("lexical", empty, name=LEXICAL_DEFAULT, collection=terms))
        return Index(
            name=name,
            tenant=tenant,
            edition=edition,
            state=state,
            splitter=self._splitter(spec, wanted, embedder),
            embedder=embedder,
            store=store,
            lexical=lexical,
            lock=lock,
            situator=self._situator(wanted, spec, embedder),
            admission=self.admission(wanted, spec, embedder=embedder),
            tokens=reading.tokens,
            **self.parsing(wanted, spec),
        )

    def admission(self, wanted: IngestSpec, spec: Located, *, embedder: Embedder | None) -> Admission | None:
        """The checks of an ingest pipeline; without an embedder only to learn whether they can be made."""
        given: dict[str, Any] = {"embedder": embedder}
        if wanted.checks and wanted.route is not None and self.prompt_file is not None:
            router = self.router(wanted.route, spec)
            given["runner"] = PromptRunner(router.writing, self.prompt_file, models=(), lookups=self.lookups)
        return admission_of(wanted.checks, spec, self, given=given)

    def _situator(self, wanted: IngestSpec, spec: Located, embedder: Embedder) -> Situator | None:
        """Who writes a sentence before each chunk. Raises ConfigError for a route without a generative model."""
        if not wanted.context or wanted.route is None:
            return None
        router = self.router(wanted.route, spec)
        for name, model in router.models.items():
            if not model.capabilities.generative:
                where = spec.where(("route", "models"))
                raise ConfigError(
                    f"{name!r} only quotes, and cannot write a sentence", where=where, expected="another model"
                )
        router.require()
        assert self.prompt_file is not None, "a project has prompts"
        runner = PromptRunner(router, self.prompt_file, models=router.listed, lookups=self.lookups)
        return Situator(runner, embedder, self._vectors(wanted, spec))

    def parsing(self, wanted: IngestSpec, spec: Located) -> Parsing:
        """Who reads files, by `parse:`, with each parser's keys checked by its constructor. Raises ConfigError."""
        settings: dict[str, dict[str, Any]] = {}
        for name, keys in wanted.parse.model_extra.items() if wanted.parse.model_extra else ():
            try:
                factory = find("parser", name)
            except ConfigError as error:
                error.where = spec.where(("parse", name))
                raise
            places = {found[2:]: place for found, place in spec.places.items() if found[:2] == ("parse", name)}
            located = Located(dict(keys), spec.path, places)
            bind(factory, located, folder=self.folder, connector=self.connector)
            settings[name] = {key: self._for_worker(key, value) for key, value in keys.items()}
        said = hashlib.blake2b(repr(sorted(settings.items())).encode(), digest_size=4).hexdigest() if settings else ""
        workers = Workers(settings, timeout=wanted.parse.timeout, memory=wanted.parse.memory)
        return {"reader": workers, "parsing": said}

    def _for_worker(self, key: str, value: Any) -> Any:
        """A setting as the worker gets it: in place of a connector's name, what stands in its file."""
        if key != "ocr" or not isinstance(value, str):
            return value
        filled = expand(self.files[value]).value
        return {name: found for name, found in filled.items() if name != "kind"}

    def sources(self, spec: Located) -> list[Source]:
        """The sources of an ingest pipeline."""
        wanted = IngestSpec.model_validate(spec.value)
        return [
            self._typed(Source, "source", name, spec.where(("sources", place)), root=self.folder)
            for place, name in enumerate(wanted.sources)
        ]

    def reranker(self, name: str, spec: Located) -> Reranker:
        """The reranker of an answer pipeline."""
        return self._typed(Reranker, "reranker", name, spec.where(("retrieve", "rerank", "by")))

    def lookup(self, name: str) -> Lookup:
        """A connector that prompts look something up at."""
        return self._typed(Lookup, "lookup", name, "")

    def idle_lookup(self, name: str) -> Lookup | None:
        """The same, to be asked what it allows, with nothing in place of variables that are not set.

        None where it cannot be made so; why not is for `check` to say.
        """
        try:
            made = self.make("lookup", expand(self.files[name], lenient=True), name=name)
        except (ConfigError, UsageError):
            return None
        return cast("Lookup", made)

    def tool(self, name: str) -> Tool | None:
        """A tool that models may use: of its file, or one that needs none; None where there is neither."""
        if name in self.files and declared_kind(self.files[name]) == "tool":
            return self._typed(Tool, "tool", name, "")
        return built_in(name)

    @property
    def tool_names(self) -> list[str]:
        """Every tool that prompts may name."""
        files = {name: cast("object", located.value) for name, located in self.files.items()}
        own = (name for name, file in files.items() if isinstance(file, dict) and file.get("kind") == "tool")  # pyright: ignore[reportUnknownMemberType]
        return sorted({*BUILT_IN, *own})

    def router(
        self, wanted: RouteSpec, spec: Located, *, cache: CacheSpec | None = None, limits: Limits = LIMITS
    ) -> Router:
        """The models of a route behind one face, whose answers are kept as `cache` says.

        `spec` says where its keys stand.
        """
        models = private(self.models(wanted, spec, longest=limits.answer), wanted, spec, self)
        if cache is not None and cache.exact:
            store = self.cache(cache.store, spec.where(("cache", "store")))
            screen = screen_of(wanted, cache, spec, self)
            models = kept(models, cache, self.caches.fresh(store), flights=self.caches.flights, screen=screen)
        return Router(models, route=route(wanted, self.healths, located=spec, folder=self.folder))

    def cache(self, name: str | None, asked_at: str = "", *, file: str = "answers.db") -> Cache:
        """A cache by its name, or a file of the project's own where none is named or that one is not set."""
        return self.caches.cache(name, asked_at, file=file)

    def semantic(
        self, pipeline: str, wanted: AnswerSpec, spec: Located, *, router: Router, embedder: Embedder
    ) -> Semantic | None:
        """What an answer pipeline remembers of questions, for all tenants; None where that is off."""
        if wanted.cache is None or wanted.cache.semantic is None:
            return None
        return self.caches.semantic(
            pipeline,
            partial(semantic, pipeline, wanted, spec, router=router, embedder=embedder.fingerprint, builder=self),
        )

    def guards(self, wanted: AnswerSpec, spec: Located, *, router: Router, embedder: Embedder) -> Guards:
        """The checks of an answer pipeline, with their policies."""
        assert self.prompt_file is not None, "a project has prompts"
        runner = PromptRunner(router.writing, self.prompt_file, models=(), lookups=self.lookups, limits=wanted.limits)
        return guards_of(wanted.checks, spec, self, given={"embedder": embedder, "runner": runner})

    def models(
        self, wanted: RouteSpec, spec: Located, *, longest: int = LIMITS.answer
    ) -> dict[str, Model | NotConfigured]:
        """The models of a route, guarded; in place of one that is not configured stands the reason."""
        found: dict[str, Model | NotConfigured] = {}
        for place, name in enumerate(wanted.models):
            try:
                model = self._typed(Model, "model", name, spec.where(("route", "models", place)))
                terms = self._terms(name)
                ledger = self.ledger(wanted.ledger, spec.where(("route", "ledger")))
                health = self.healths.of(name, terms)
                found[name] = guarded(model, wanted, terms, health=health, ledger=ledger, longest=longest)
            except NotConfigured as error:
                found[name] = error
        return found

    def ledger(self, name: str | None, asked_at: str = "") -> Ledger:
        """The ledger of a route: a connector, or the project's own file where none is named."""
        if name is not None:
            return self._typed(Ledger, "ledger", name, asked_at)
        if ("ledger", "") not in self._built:
            make = cast("Callable[..., Ledger]", find("ledger", LEDGER_DEFAULT))
            self._built["ledger", ""] = make(path=self.state / "ledger.db")
        return cast("Ledger", self._built["ledger", ""])

    @property
    def ledgers(self) -> list[Ledger]:
        """The project's own, and each connector of this kind that is configured."""
        found = [self.ledger(None)]
        for name, located in self.files.items():
            with suppress(NotConfigured):
                if declared_kind(located) == "ledger":
                    found.append(self.ledger(name))
        return found

    def _terms(self, name: str) -> ModelTerms:
        """What a model's file says beside its own keys; they are checked where the model is built."""
        given = expand(self.files[name]).value
        return ModelTerms.model_validate({key: given[key] for key in ModelTerms.model_fields if key in given})

    def reading(self, wanted: IngestSpec, spec: Located) -> Reading:
        """The embedder of a pipeline, behind the cache that the pipeline names."""
        found = self._typed(Embedder, "embedder", wanted.embed, spec.where(("embed",)))
        return self._embedders.of(wanted, found, cache=self._vectors(wanted, spec) if wanted.cache else None)

    def _vectors(self, wanted: IngestSpec, spec: Located) -> Cache:
        """Where vectors are kept, and the sentences of contextual retrieval, which are kept in any case."""
        name = wanted.cache if isinstance(wanted.cache, str) else None
        return self.cache(name, spec.where(("cache",)), file="cache.db")

    def _splitter(self, spec: Located, wanted: IngestSpec, embedder: Embedder) -> Splitter:
        located = _split_section(wanted, spec)
        return cast("Splitter", self.make("splitter", located, name=wanted.split.by, embedder=embedder))

    def _typed(self, protocol: type[C], kind: str, name: str, asked_at: str, **given: Any) -> C:
        found = self.connector(kind, name, asked_at=asked_at, **given)
        assert isinstance(found, protocol), "the registry has checked it"
        return found

    async def close(self) -> None:
        """Closes every connector that was built and is held here."""
        async with AsyncExitStack() as ends:
            for built in self._built.values():
                ends.push_async_callback(built.close)
                if isinstance(built, Ledger):
                    ends.push_async_callback(owed_to(built).settled)
            ends.push_async_callback(self.caches.close)
            ends.push_async_callback(self._embedders.close)  # before: they hand their last figures to a cache
            ends.push_async_callback(self.caches.finish)


def _split_section(wanted: IngestSpec, spec: Located) -> Located:
    """The section `split:` of an ingest pipeline, as if it were a connector's file."""
    places = {keys[1:]: place for keys, place in spec.places.items() if keys[:1] == ("split",)}
    if ("by",) in places:
        places["type",] = places["by",]
    return Located({"type": wanted.split.by, **(wanted.split.model_extra or {})}, spec.path, places)
