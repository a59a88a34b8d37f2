"""Finds, loads and checks a project folder: the one whose pyproject.toml holds `[tool.ragstone]`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragstone.config import STATE, Located, read_yaml, template, validate
from ragstone.errors import (
    ConfigError,
    NotConfigured,
    PipelineNotFound,
    ProjectNotFound,
    PromptError,
    RagstoneError,
    UsageError,
    nearest,
)
from ragstone.pipelines import rewriting
from ragstone.pipelines.build import Builder
from ragstone.pipelines.caches import calibration
from ragstone.pipelines.checks import check_faults
from ragstone.pipelines.declared import declared_kind
from ragstone.pipelines.last_word import judges
from ragstone.pipelines.lookups import project_faults
from ragstone.pipelines.personal import check_of
from ragstone.pipelines.routes import confidential, difficulty
from ragstone.pipelines.spec import INTERACTION, AnswerSpec, CacheSpec, IngestSpec, RouteSpec, spec_for
from ragstone.pipelines.tools import tool_faults
from ragstone.prompts.file import PromptFile, load
from ragstone.registry import find as find_type

__all__ = ["Project", "Stamp", "find"]

Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each file its name, its size, when it was written, and which file it is."""

FOLDERS = ("connectors", "pipelines", "prompts")


class Settings(BaseModel):
    """What may stand under `[tool.ragstone]`; the table itself marks the folder.

    `plugins` lets the project's files name code that runs: opening a folder of a stranger's must not. So many `traces`
    are kept, the newest, and each for `trace_days` at most; without a number, for as long as there is room.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    plugins: bool = False
    traces: int = Field(default=1_000, ge=0, le=1_000_000)
    trace_days: int | None = Field(default=None, ge=1, le=36_500)


WANTED = {
    "plugins": "true or false",
    "traces": "a number from 0 to 1000000",
    "trace_days": "a number of days from 1 to 36500",
}


def find(start: Path) -> Path:
    """The project folder that is `start` or lies above it. Raises ProjectNotFound."""
    start = start.resolve()
    if not start.is_dir():
        raise ProjectNotFound("there is no such folder", where=str(start), hint=f"Run: ragstone init {start.name}")
    for folder in (start, *start.parents):
        if _marked(folder / "pyproject.toml"):
            return folder
    raise ProjectNotFound(
        "this is no Ragstone project",
        where=str(start),
        expected="a pyproject.toml with [tool.ragstone], here or above",
        hint="Run: ragstone init mydocs",
    )


def _marked(path: Path) -> bool:
    try:
        return "ragstone" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error


@dataclass(frozen=True)
class Project:
    """A project folder. Its files are read when they are first needed, its prompts each time.

    `state` is where its state lies, if not in `.ragstone/`: an evaluation keeps away from what people ask.
    """

    root: Path
    state: Path | None = None

    @property
    def state_folder(self) -> Path:
        """Where the project's state lies: `.ragstone/`, or elsewhere."""
        return self.state or self.root / STATE

    @cached_property
    def connectors(self) -> dict[str, Located]:
        """Each file of `connectors/` by name."""
        return {path.stem: read_yaml(path) for path in sorted((self.root / "connectors").glob("*.yaml"))}

    @cached_property
    def pipelines(self) -> dict[str, Located]:
        """Each file of `pipelines/` by name."""
        return {path.stem: read_yaml(path) for path in sorted((self.root / "pipelines").glob("*.yaml"))}

    def stamp(self) -> Stamp:
        """Changes with every edit of `pyproject.toml`, `connectors/` and `pipelines/`. No file is read for it."""
        paths = (
            self.root / "pyproject.toml",
            *(path for name in ("connectors", "pipelines") for path in sorted((self.root / name).glob("*.yaml"))),
        )
        found: list[tuple[str, int, int, int]] = []
        for path in paths:
            with suppress(OSError):  # it was removed in this moment
                facts = path.stat()
                found.append((path.name, facts.st_size, facts.st_mtime_ns, facts.st_ino))
        return tuple(found)

    def says_as(self, other: Project) -> bool:
        """Whether the files of both say the same, though they may have been written again."""
        return (self.plugins, self.connectors, self.pipelines) == (other.plugins, other.connectors, other.pipelines)

    def pipeline(self, name: str) -> Located:
        """One pipeline. Raises PipelineNotFound when there is none of that name."""
        found = self.pipelines.get(name)
        if found is None:
            raise PipelineNotFound(
                f"there is no pipeline {name!r}",
                where=str(self.root / "pipelines"),
                expected="one of " + ", ".join(self.pipelines) if self.pipelines else "a file in this folder",
                hint=nearest(name, self.pipelines),
            )
        return found

    def ingest_spec(self, name: str) -> IngestSpec:
        """An ingest pipeline, checked."""
        return validate(IngestSpec, self._of_kind(name, IngestSpec))

    def answer_spec(self, name: str) -> AnswerSpec:
        """An answer pipeline, checked."""
        return validate(AnswerSpec, self._of_kind(name, AnswerSpec))

    def _of_kind(self, name: str, wanted: type[IngestSpec] | type[AnswerSpec]) -> Located:
        located = self.pipeline(name)
        if spec_for(located.value) is not wanted:
            kinds = {IngestSpec: "ingests", AnswerSpec: "answers"}
            raise PipelineNotFound(
                f"the pipeline {name!r} is of the other kind",
                where=located.where(),
                expected=f"one that {kinds[wanted]}",
            )
        return located

    def prompt_path(self, name: str) -> Path:
        """The file of a prompt: the project's own, or the one that ships with Ragstone."""
        for folder in (self.root, template()):
            path = folder / "prompts" / f"{name}.prompty"
            with suppress(OSError):  # the name may be longer than any file's
                if path.is_file():
                    return path
        folder = self.root / "prompts"
        names = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.prompty"))
        raise PromptError(
            f"there is no prompt {name!r}",
            where=str(self.root / "prompts"),
            expected="one of " + ", ".join(names) if names else f"a file {name}.prompty",
            hint=nearest(name, names),
        )

    def prompt(self, name: str) -> PromptFile:
        """A prompt file, loaded and checked as it stands now."""
        path = self.prompt_path(name)
        file = load(path)
        self.check_prompt(file)
        return file

    def check_prompt(self, file: PromptFile) -> None:
        """Raises PromptError for what a prompt looks up, uses as a tool or asks other prompts for, and is not given."""
        for fault in self._lent_faults(file, self.connectors) if file.lookups or file.layers.tools else ():
            raise fault
        for fault in rewriting.project_faults(file, self._other_prompt):
            raise fault

    def _other_prompt(self, name: str) -> PromptFile:
        return load(self.prompt_path(name))

    def _lent_faults(self, file: PromptFile, connectors: Mapping[str, Located]) -> Iterator[PromptError]:
        builder = Builder(self.root, connectors, plugins=self.plugins)
        yield from project_faults(file, builder)
        yield from tool_faults(file.layers.tools, builder)

    @cached_property
    def settings(self) -> Settings:
        """What stands under `[tool.ragstone]`, or the defaults where that is wrong: `require_settings` says what is."""
        table: object = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ragstone"]
        try:
            return Settings.model_validate(table)
        except ValidationError:
            return Settings()

    @property
    def plugins(self) -> bool:
        """Whether the project's files may name code that runs."""
        return self.settings.plugins

    def require_settings(self) -> None:
        """Raises ConfigError when `[tool.ragstone]` holds a key that is not known."""
        for fault in self._setting_faults():
            raise fault

    # ── Checking everything ──────────────────────────────────────────────────────────────────────────────────────────

    def faults(self) -> Iterator[ConfigError]:
        """Everything that is wrong with the folder's files. A connector that waits for a variable is no fault."""
        yield from self._setting_faults()
        for folder in FOLDERS:
            if not (self.root / folder).is_dir():
                yield ConfigError("there is no such folder", where=str(self.root / folder), hint="A project has it.")
        yield from self._connector_faults()
        yield from self._pipeline_faults()
        connectors = self._readable("connectors")
        for path in self._prompt_files():
            try:
                file = load(path)
                file.cases()
                yield from self._lent_faults(file, connectors)
                yield from rewriting.project_faults(file, self._other_prompt)
            except ConfigError as error:
                yield from error.faults or (error,)

    def warnings(self) -> Iterator[ConfigError]:
        """What of the folder's prompts can be used as it stands, and is known to do harm."""
        for file in self._prompt_files():
            with suppress(ConfigError):
                yield from load(file).layers.warnings()

    def _prompt_files(self) -> Iterator[Path]:
        """Starters are left out: they become prompts where `ragstone prompt new` puts them."""
        for path in sorted((self.root / "prompts").rglob("*.prompty")):
            if path.parent.name != "starters":
                yield path

    def waiting(self) -> Iterator[NotConfigured]:
        """The models, rerankers, lookups and tools that wait for a variable. Other faults are for `faults` to say."""
        connectors = self._readable("connectors")
        for name, located in connectors.items():
            try:
                if (kind := declared_kind(located)) in ("model", "reranker", "lookup", "tool"):
                    Builder(self.root, connectors, plugins=self.plugins).connector(kind, name)
            except NotConfigured as error:
                yield error
            except RagstoneError:
                continue

    def _readable(self, folder: str) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for path in sorted((self.root / folder).glob("*.yaml")):
            with suppress(ConfigError):
                found[path.stem] = read_yaml(path)
        return found

    def _setting_faults(self) -> Iterator[ConfigError]:
        path = self.root / "pyproject.toml"
        if not _marked(path):
            raise ProjectNotFound("has no [tool.ragstone] any more", where=str(path))
        text = path.read_text(encoding="utf-8")
        table: object = tomllib.loads(text)["tool"]["ragstone"]
        try:
            Settings.model_validate(table)
        except ValidationError as error:
            for detail in error.errors():
                key = str(detail["loc"][0]) if detail["loc"] else "ragstone"
                line = next((n for n, row in enumerate(text.splitlines(), 1) if row.strip().startswith(key)), 1)
                message = f"unknown key {key!r} in [tool.ragstone]" if detail["loc"] else "[tool.ragstone] is no table"
                if detail["type"] != "extra_forbidden" and detail["loc"]:
                    message = f"{key} must be {WANTED[key]}"
                yield ConfigError(message, where=f"{path}:{line}:1")

    def _connector_faults(self) -> Iterator[ConfigError]:
        for path in sorted((self.root / "connectors").glob("*.yaml")):
            try:
                read_yaml(path)
            except ConfigError as error:
                yield error
        for error in self._faulty_connectors().values():
            yield from error.faults or (error,)

    def _faulty_connectors(self) -> dict[str, ConfigError]:
        """What is wrong with the files of `connectors/` that can be read."""
        files = self._readable("connectors")
        builder = Builder(self.root, files, plugins=self.plugins)
        found: dict[str, ConfigError] = {}
        for name, located in files.items():
            try:
                builder.check(name, located)
            except ConfigError as error:
                found[name] = error
        return found

    def _pipeline_faults(self) -> Iterator[ConfigError]:
        connectors = self._readable("connectors")
        for path in sorted((self.root / "pipelines").glob("*.yaml")):
            try:
                located = read_yaml(path)
                spec = validate(spec_for(located.value), located)
                builder = Builder(self.root, connectors, plugins=self.plugins)
                if isinstance(spec, IngestSpec):
                    builder.parsing(spec, located)
                    builder.check_splitter(spec, located)
                    builder.admission(spec, located, embedder=None)
                else:
                    told = self._faulty_connectors()
                    yield from check_faults(spec.checks, located, builder, self._other_prompt, told=told)
                    if spec.cache is not None and spec.cache.semantic is not None:
                        calibration(located, spec.cache.semantic, embedder=None)
                yield from self._reference_faults(located, spec)
                if spec.route is not None:
                    yield from self._route_faults(located, spec.route)
            except ConfigError as error:
                yield from error.faults or (error,)

    def _demand_question(self, path: Path) -> None:
        with suppress(PromptError):  # what keeps a prompt from loading is told with the prompts
            file = load(path)
            if all(given.name != "question" for given in file.given):
                found = ", ".join(given.name for given in file.given) or "none"
                hint = "A pipeline answers questions: declare it under inputs in the prompt file."
                raise UsageError(f"the prompt {file.name!r} takes no question", found=f"the inputs {found}", hint=hint)

    def _reference_faults(self, located: Located, spec: IngestSpec | AnswerSpec) -> Iterator[ConfigError]:
        for keys, kind, name in _references(spec):
            try:
                if kind == "prompt":
                    self._demand_question(self.prompt_path(name))
                elif kind == "judge":
                    judges(name, self._other_prompt)
                elif kind == "pipeline":
                    self._require_pipeline(name)
                else:
                    self._require(kind, name)
            except RagstoneError as error:
                yield ConfigError(
                    error.message,
                    where=located.where(keys),
                    expected=error.expected,
                    found=error.found,
                    hint=error.hint,
                )

    def _route_faults(self, located: Located, route: RouteSpec) -> Iterator[ConfigError]:
        """What of a route only shows beside other files, or in words of the filter language."""
        if route.strategy == "by_difficulty":
            try:
                difficulty(route, located, self.root)
            except ConfigError as error:
                yield error
        try:
            confidential(route)
        except RagstoneError as error:
            where = located.where(("route", "data", "local_only"))
            yield ConfigError(error.message, where=where, expected=error.expected, found=error.found, hint=error.hint)
        if route.personal is not None:
            builder = Builder(self.root, self._readable("connectors"), plugins=self.plugins)
            try:
                check_of(route.personal, located, builder)
            except ConfigError as error:
                yield error
        for place, name in enumerate(route.models if route.budget is not None else ()):
            if not self._may_be_priced(name):
                yield ConfigError(
                    f"the price of {name!r} is not known, and the route has a budget",
                    where=located.where(("route", "models", place)),
                    hint=f"Write `price: {{input: …, output: …}}` (USD per million tokens) in connectors/{name}.yaml.",
                )
        if route.data == "local_only" and not any(self._may_be_local(name) for name in route.models):
            yield ConfigError(
                "no model of this route is your own, so none may answer",
                where=located.where(("route", "data")),
                hint="Name one whose file says local: true.",
            )

    def _may_be_priced(self, name: str) -> bool:
        """Whether a model's price is known, or its faults are told elsewhere. One of your own may have none."""
        file = self._readable("connectors").get(name)
        found: object = file.value if file is not None else None
        value = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        if value.get("kind") != "model" or "price" in value or self._may_be_local(name):
            return True
        able = find_type("model", str(value.get("type"))).capabilities
        return able.price is not None or not able.generative

    def _may_be_local(self, name: str) -> bool:
        """Whether a model is of your own, or one whose faults are told elsewhere."""
        file = self._readable("connectors").get(name)
        given: object = file.value if file is not None else None
        value = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        if value.get("kind") != "model" or "local" in value:
            return value.get("local", True) is not False
        try:
            return find_type("model", str(value.get("type"))).capabilities.local
        except ConfigError:
            return True

    def _require_pipeline(self, name: str) -> None:
        names = sorted(path.stem for path in (self.root / "pipelines").glob("*.yaml"))
        if name not in names:
            raise PipelineNotFound(
                f"there is no pipeline {name!r}", expected="one of " + ", ".join(names), hint=nearest(name, names)
            )
        if spec_for(read_yaml(self.root / "pipelines" / f"{name}.yaml").value) is not IngestSpec:
            raise ConfigError(f"the pipeline {name!r} ingests nothing", expected="one with `sources`")

    def _require(self, kind: str, name: str) -> None:
        files = {path.stem: path for path in (self.root / "connectors").glob("*.yaml")}
        if name not in files:
            raise ConfigError(
                f"there is no connector {name!r}",
                expected="one of " + ", ".join(sorted(files)),
                hint=nearest(name, files) or f"Write connectors/{name}.yaml",
            )
        found = declared_kind(read_yaml(files[name]))
        if found != kind:
            raise ConfigError(f"{name!r} is of kind {found}", expected=kind)


def _references(spec: IngestSpec | AnswerSpec) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Every name that a pipeline mentions: where it stands, what it must be, and the name."""
    if isinstance(spec, IngestSpec):
        for place, name in enumerate(spec.sources):
            yield ("sources", place), "source", name
        yield ("embed",), "embedder", spec.embed
        yield ("store",), "store", spec.store
        if "lexical" in spec.model_fields_set:
            yield ("lexical",), "lexical", spec.lexical
        if isinstance(spec.cache, str):
            yield ("cache",), "cache", spec.cache
        yield from _of_route(spec.route)
    else:
        yield ("index",), "pipeline", spec.index
        yield ("prompt",), "prompt", spec.prompt
        if "chat" in spec.model_fields_set:
            yield ("chat",), "prompt", spec.chat
        rerank = spec.retrieve.rerank
        if rerank is not None and rerank.by != INTERACTION:
            yield ("retrieve", "rerank", "by"), "reranker", rerank.by
        yield from _of_cache(spec.cache)
        yield from _of_route(spec.route)


def _of_route(route: RouteSpec | None) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for place, name in enumerate(route.models if route is not None else ()):
        yield ("route", "models", place), "model", name
    if route is not None and route.ledger is not None:
        yield ("route", "ledger"), "ledger", route.ledger


def _of_cache(cache: CacheSpec | None) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    if cache is not None and cache.store is not None:
        yield ("cache", "store"), "cache", cache.store
    named = cache.semantic if cache is not None else None
    if named is not None and named.judge is not None:
        yield ("cache", "semantic", "judge"), "judge", named.judge
    if named is not None and named.rerank is not None:
        yield ("cache", "semantic", "rerank"), "reranker", named.rerank
