"""The document loaders of LangChain and the readers of LlamaIndex, any of them, by its dotted path.

    kind: source
    type: langchain                     # or llamaindex
    loader: langchain_community.document_loaders.CSVLoader
    arguments: {file_path: data/fish.csv}

    kind: source
    type: llamaindex
    reader: llama_index.core.SimpleDirectoryReader
    arguments: {input_dir: data}
    load: {show_progress: false}        # what its load_data() takes

They run code that the file names, so the project must allow it: `plugins = true` under `[tool.ragstone]`. Everything is
loaded at each ingestion; what has not changed is not embedded again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from itertools import count
from typing import Any, ClassVar, Literal, cast

from ragstone.errors import ConfigError, MissingExtra, SourceUnavailable
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.types import PUBLIC, Context, Item, Metadata, Scalar

__all__ = ["LangChainSource", "LlamaIndexSource"]

LONG = 12  # characters from which on a text may be a key; paths are longer too, and are named elsewhere

_PLACES = ("source", "file_path", "url", "file_name", "path", "id")
"""Where loaders note what a text came from, the best first."""


class _Loaded(Source):
    """Documents that another framework has loaded."""

    runs_code: ClassVar[bool] = True

    def __init__(self, path: str, arguments: Mapping[str, Any], acl: Literal["public", "private"]) -> None:
        module, dot, name = path.rpartition(".")
        if not dot or not all(part.isidentifier() for part in path.split(".")):
            raise ConfigError("is no dotted path", expected="package.module.Class", found=repr(path))
        self.protected = acl != "public"
        self._module, self._class, self._arguments = module, name, dict(arguments)
        self._acl = PUBLIC if acl == "public" else ()

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Loads everything, and lists it. Raises SourceUnavailable when the loader fails, saying how."""
        for item in await asyncio.to_thread(self._items):
            yield item

    def _items(self) -> list[Item]:
        try:
            loaded = [(text, dict(metadata)) for text, metadata in self._load(self._make()) if text.strip()]
        except (ConfigError, SourceUnavailable):
            raise
        except Exception as error:  # a loader may raise anything
            raise SourceUnavailable(
                f"{self._class} failed: {type(error).__name__}: {self._clean(error)}", where=f"source {self.name!r}"
            ) from None
        counts: dict[str, count[int]] = {}
        items: list[Item] = []
        for text, metadata in loaded:
            place = str(next((metadata[key] for key in _PLACES if metadata.get(key)), self.name or self._class))
            number = next(counts.setdefault(place, count(1)))
            items.append(self._item(place if number == 1 else f"{place}#{number}", text, metadata))
        return items

    def _item(self, uri: str, text: str, metadata: Mapping[str, Any]) -> Item:
        kept: Metadata = {str(key): _plain(value) for key, value in metadata.items() if value is not None}
        said = json.dumps([text, kept], sort_keys=True, default=str).encode("utf-8", "replace")
        data = text.encode("utf-8", "replace")
        return Item(
            uri=uri,
            version=hashlib.blake2b(said, digest_size=16).hexdigest(),
            size=len(data),
            read=partial(bytes, data),
            acl=self._acl,
            metadata=kept,
            media_type="text/plain",
            title=str(metadata.get("title") or ""),
        )

    def _make(self) -> Any:
        try:
            found = getattr(import_module(self._module), self._class)
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"{self._module} cannot be imported: there is no {error.name!r}",
                where=f"source {self.name!r}",
                hint="Install the package that holds this loader.",
            ) from error
        except AttributeError as error:
            raise ConfigError(f"{self._module} holds no {self._class}", where=f"source {self.name!r}") from error
        try:
            return found(**self._arguments)
        except TypeError as error:
            raise ConfigError(
                f"{self._class} refuses its `arguments`: {self._clean(error)}", where=f"source {self.name!r}"
            ) from None

    def _clean(self, error: Exception) -> str:
        """What a loader says, without the longer texts among its arguments: any may be a key."""
        said = str(error)
        for text in _texts(self._arguments):
            said = said.replace(text, "[hidden]") if len(text) >= LONG else said
        return said

    @abstractmethod
    def _load(self, loader: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Each text with its metadata."""


class LangChainSource(_Loaded):
    """Any LangChain document loader: a document for each of its documents, its uri their `source`."""

    def __init__(
        self,
        *,
        loader: str,
        arguments: dict[str, Any] = {},  # noqa: B006 - only read, and shown as this key's default
        acl: Literal["public", "private"] = "public",
    ) -> None:
        super().__init__(loader, arguments, acl)

    def _load(self, loader: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
        for document in loader.lazy_load():
            yield document.page_content, document.metadata


class LlamaIndexSource(_Loaded):
    """Any LlamaIndex reader: a document for each of its documents; `load` is what its `load_data` takes."""

    def __init__(
        self,
        *,
        reader: str,
        arguments: dict[str, Any] = {},  # noqa: B006 - only read, and shown as this key's default
        load: dict[str, Any] = {},  # noqa: B006
        acl: Literal["public", "private"] = "public",
    ) -> None:
        super().__init__(reader, arguments, acl)
        self._how = dict(load)

    def _load(self, loader: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
        for document in loader.load_data(**self._how):
            yield document.text, document.metadata


def _texts(value: object) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[object, object]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Iterable[object]", value):
            yield from _texts(inner)


def _plain(value: Any) -> Scalar | list[Scalar]:
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        parts = list(cast("tuple[Any, ...]", value))
        if parts and all(isinstance(one, str | int | float | bool) for one in parts):
            return parts
    return str(cast("object", value))
