"""From a dotted path to a LangChain store, what is asked of one, and its errors made ours."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol, TypeVar

from ragstone.errors import ConfigError, MissingExtra, RagstoneError, StateError, StoreUnavailable

__all__ = ["Found", "Store", "create", "fetches", "find", "gives_by_id", "is_dotted", "patiently", "translated"]

T = TypeVar("T")

WAITS = (0.2, 0.8)
"""Seconds before each further try, where a server could not be reached."""

_EMBEDDERS = ("embedding", "embedding_function", "embeddings")
_AWAY = ("connect", "timeout", "timedout", "unavailable")
_SAID = ("connection refused", "connection reset", "could not connect", "closed the connection", "failed to connect")


class Found(Protocol):
    """A document of LangChain."""

    page_content: str
    metadata: dict[str, Any]


class Store(Protocol):
    """What we use of a LangChain store: what all of them have."""

    def add_texts(self, texts: Sequence[str], metadatas: Sequence[dict[str, Any]], *, ids: list[str]) -> Any:
        """Embeds and writes texts."""
        ...

    def delete(self, ids: list[str]) -> Any:
        """Removes by id."""
        ...

    def similarity_search(self, query: str, k: int, **how: Any) -> Sequence[Found]:
        """Embeds the query, and finds the nearest."""
        ...

    def get_by_ids(self, ids: Sequence[str], /) -> Sequence[Found]:
        """Those of the ids that are there."""
        ...


def is_dotted(path: str) -> bool:
    """Whether it names something in a module."""
    return "." in path and all(part.isidentifier() for part in path.split("."))


def find(path: str) -> Any:
    """The class, or the method of one, behind a dotted path. Raises MissingExtra or ConfigError."""
    module, _, name = path.rpartition(".")
    try:
        found: Any = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        outer, _, owner = module.rpartition(".")
        try:
            found = getattr(getattr(import_module(outer), owner), name)  # the path goes on inside a class
        except (ModuleNotFoundError, ValueError, AttributeError):
            raise MissingExtra(
                f"{module} cannot be imported: there is no {error.name!r}",
                hint="Install the package that holds it.",
            ) from error
    if not callable(found):
        raise ConfigError(f"{module} holds no {name}")
    return found


def create(make: Callable[..., Any], embedder: Any, arguments: Mapping[str, Any]) -> Store:
    """Opens a store. Whoever wrote it gave the embedder's parameter one of three names."""
    parameters = inspect.signature(make).parameters
    name = next((name for name in _EMBEDDERS if name in parameters), _EMBEDDERS[0])
    try:
        return make(**{name: embedder}, **arguments)
    except TypeError as error:
        raise ConfigError(
            f"{getattr(make, '__qualname__', make)} refuses its `arguments`: {error}", found=", ".join(arguments)
        ) from error


def gives_by_id(store: Store) -> bool:
    """Whether it implements `get_by_ids`, which LangChain leaves to each store."""
    from langchain_core.vectorstores import VectorStore

    return getattr(type(store), "get_by_ids", VectorStore.get_by_ids) is not VectorStore.get_by_ids


def fetches(store: Store) -> bool:
    """Whether it filters only the `fetch_k` nearest, and can be told how many these are."""
    return "fetch_k" in inspect.signature(store.similarity_search).parameters


def patiently(ask: Callable[[], T]) -> T:
    """Asks again, twice, where a server could not be reached. What is asked must bear being done twice."""
    for seconds in WAITS:
        try:
            return ask()
        except Exception as error:
            if not _is_away(error):
                raise
        time.sleep(seconds)
    return ask()


@contextmanager
def translated(label: str) -> Generator[None]:
    """Raises a StateError for whatever a store raises: any package may be behind it."""
    try:
        yield
    except RagstoneError:
        raise
    except Exception as error:
        if isinstance(error, ImportError):
            raise MissingExtra(
                _reason(error), where=label, hint="Install the package that this store needs."
            ) from error
        if _is_away(error):
            raise StoreUnavailable(
                "the store behind LangChain does not answer", where=label, found=_reason(error), hint="Is it running?"
            ) from error
        raise StateError(f"the LangChain store failed: {_reason(error)}", where=label) from error


def _is_away(error: BaseException | None) -> bool:
    """Whether a server could not be reached, by the name or the words of an error, or of one that it came from."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        if any(word in type(error).__name__.lower() for word in _AWAY):
            return True
        if any(words in str(error).lower() for words in _SAID):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
