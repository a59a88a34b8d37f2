"""From the files of a project to living parts. Each connector is built once, when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from ragstone.config import Located, bind, expand
from ragstone.errors import ConfigError, NotConfigured, nearest
from ragstone.pipelines.index import Index, collection_name
from ragstone.pipelines.spec import IngestSpec
from ragstone.protocols import KINDS, Connector, Embedder, LexicalIndex, Model, Source, Splitter, VectorStore
from ragstone.registry import find
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import ProjectState

__all__ = ["Builder", "declared_kind"]

C = TypeVar("C", bound=Connector)

LEXICAL_DEFAULT = "tantivy"


class Builder:
    """Builds connectors by name. `files` maps each name to what stands in `connectors/<name>.yaml`."""

    def __init__(self, folder: Path, files: Mapping[str, Located]) -> None:
        self.folder, self.files = folder, files
        self._built: dict[tuple[str, str], Connector] = {}

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """The connector of that name. Raises ConfigError when there is none, or when it is of another kind."""
        if (kind, name) not in self._built or given:
            built = self._build(kind, name, asked_at, given)
            if given:
                return built
            self._built[kind, name] = built
        return self._built[kind, name]

    def _build(self, kind: str, name: str, asked_at: str, given: Mapping[str, Any]) -> Connector:
        located = self.files.get(name)
        if located is None:
            raise ConfigError(
                f"there is no connector {name!r}",
                where=asked_at or str(self.folder / "connectors"),
                expected="one of " + ", ".join(sorted(self.files)),
                hint=nearest(name, self.files) or f"Write connectors/{name}.yaml",
            )
        found = declared_kind(located)
        if found != kind:
            where = asked_at or located.where(("kind",))
            raise ConfigError(f"{name!r} is of kind {found}", where=where, expected=kind)
        return self.make(kind, located, name=name, **given)

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """Builds one connector from what stands in its file."""
        filled = expand(located)
        settings = {key: value for key, value in filled.value.items() if key not in ("kind", "type")}
        type_name = filled.value.get("type", "")
        try:
            factory = find(kind, str(type_name))
            arguments = bind(
                factory, replace(filled, value=settings), folder=self.folder, connector=self.connector, given=given
            )
            built = factory(**arguments)
        except NotConfigured as error:
            error.where = error.where or located.where()
            if filled.unset:
                error.message = f"{filled.unset[0]} is not set"
                error.hint = f"Run: export {filled.unset[0]}=…"
            raise
        except ConfigError as error:
            error.where = error.where or located.where(("type",))
            raise
        built.name = name
        return built

    def check(self, name: str, located: Located) -> None:
        """Checks a connector's file without building it. Raises ConfigError; NotConfigured for a variable not set."""
        kind = declared_kind(located)
        filled = expand(located)
        settings = {key: value for key, value in filled.value.items() if key not in ("kind", "type")}
        try:
            factory = find(kind, str(filled.value.get("type", "")))
        except ConfigError as error:
            error.where = located.where(("type",))
            raise

        def reference(wanted: str, other: str) -> Connector:
            target = self.files.get(other)
            if target is None or declared_kind(target) != wanted:
                raise ConfigError(f"{name!r} needs the {wanted} {other!r}, which is not there", where=located.where())
            return cast("Connector", None)

        bind(factory, replace(filled, value=settings), folder=self.folder, connector=reference)

    # ── The parts of pipelines ───────────────────────────────────────────────────────────────────────────────────────

    def index(self, name: str, spec: Located, *, tenant: str, state: ProjectState, lock: FileLock | None) -> Index:
        """The index that an ingest pipeline writes, for one tenant."""
        wanted = IngestSpec.model_validate(spec.value)
        embedder = self._typed(Embedder, "embedder", wanted.embed, spec.where(("embed",)))
        collection = collection_name(name, tenant, embedder.fingerprint)
        store = self._typed(VectorStore, "store", wanted.store, spec.where(("store",)), collection=collection)
        terms = collection_name(name, tenant)
        if wanted.lexical in self.files or wanted.lexical != LEXICAL_DEFAULT:
            lexical = self._typed(LexicalIndex, "lexical", wanted.lexical, spec.where(("lexical",)), collection=terms)
        else:
            empty = Located({"type": LEXICAL_DEFAULT, "path": ".ragstone/lexical"}, spec.path, {})
            lexical = cast("LexicalIndex", self.make("lexical", empty, name=LEXICAL_DEFAULT, collection=terms))
        return Index(
            name=name,
            tenant=tenant,
            state=state,
            splitter=self._splitter(spec, wanted, embedder),
            embedder=embedder,
            store=store,
            lexical=lexical,
            lock=lock,
        )

    def sources(self, spec: Located) -> list[Source]:
        """The sources of an ingest pipeline."""
        wanted = IngestSpec.model_validate(spec.value)
        return [
            self._typed(Source, "source", name, spec.where(("sources", place)), root=self.folder)
            for place, name in enumerate(wanted.sources)
        ]

    def models(self, names: list[str], spec: Located) -> dict[str, Model | NotConfigured]:
        """The models of a route, in order; in place of one that is not configured stands the reason."""
        found: dict[str, Model | NotConfigured] = {}
        for place, name in enumerate(names):
            try:
                found[name] = self._typed(Model, "model", name, spec.where(("route", "models", place)))
            except NotConfigured as error:
                found[name] = error
        return found

    def _splitter(self, spec: Located, wanted: IngestSpec, embedder: Embedder) -> Splitter:
        settings = {"type": wanted.split.by, **(wanted.split.model_extra or {})}
        places = {keys[1:]: place for keys, place in spec.places.items() if keys[:1] == ("split",)}
        if ("by",) in places:
            places["type",] = places["by",]
        located = Located(settings, spec.path, places)
        return cast("Splitter", self.make("splitter", located, name=wanted.split.by, embedder=embedder))

    def _typed(self, protocol: type[C], kind: str, name: str, asked_at: str, **given: Any) -> C:
        found = self.connector(kind, name, asked_at=asked_at, **given)
        assert isinstance(found, protocol), "the registry has checked it"
        return found

    async def close(self) -> None:
        """Closes every connector that was built and is held here."""
        for built in self._built.values():
            await built.close()


def declared_kind(located: Located) -> str:
    """What `kind:` says. Raises ConfigError when it is missing or unknown."""
    value: Any = located.value
    if not isinstance(value, dict):
        raise ConfigError("holds no keys", where=located.where(), expected="kind, type and the connector's own keys")
    kind = cast("dict[str, Any]", value).get("kind")
    if kind not in KINDS:
        raise ConfigError(
            "the key 'kind' is missing" if kind is None else f"unknown kind {kind!r}",
            where=located.where(("kind",)),
            expected="one of " + ", ".join(sorted(KINDS)),
            hint=nearest(str(kind), KINDS) if kind else None,
        )
    return str(kind)
