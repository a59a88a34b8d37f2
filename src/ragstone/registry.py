"""From a type's name to its class. Our own connectors come in through the same entry points as anyone's plugin.

>>> registry.find("splitter", "tokens")
<class 'ragstone.ingestion.splitters.tokens.TokenSplitter'>
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ragstone.errors import ConfigError, MissingExtra, nearest
from ragstone.protocols import (
    Cache,
    Check,
    Connector,
    Database,
    Embedder,
    Ledger,
    LexicalIndex,
    Lookup,
    Model,
    Ocr,
    Parser,
    Reranker,
    Source,
    Splitter,
    Tool,
    TraceSink,
    VectorStore,
)

__all__ = ["KINDS", "find", "names"]

KINDS: dict[str, type[Connector]] = {
    "source": Source,
    "parser": Parser,
    "ocr": Ocr,
    "splitter": Splitter,
    "embedder": Embedder,
    "store": VectorStore,
    "lexical": LexicalIndex,
    "reranker": Reranker,
    "lookup": Lookup,
    "tool": Tool,
    "model": Model,
    "ledger": Ledger,
    "cache": Cache,
    "check": Check,
    "database": Database,
    "traces": TraceSink,
}
"""Every kind by the word that names it in YAML and in the entry-point group `ragstone.<kind>`."""


@cache
def _registered(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"ragstone.{kind}")}


def names(kind: str) -> list[str]:
    """The types that are installed for a kind, sorted."""
    return sorted(_registered(kind))


def find(kind: str, type_name: str) -> type[Connector]:
    """The class behind `kind: <kind>, type: <type_name>`.

    Raises ConfigError for an unknown name, MissingExtra when the class needs a package that is not installed.
    """
    if not type_name:
        raise ConfigError("the key 'type' is missing", expected="one of " + ", ".join(names(kind)))
    point = _registered(kind).get(type_name)
    if point is None:
        raise ConfigError(
            f"there is no {kind} of type {type_name!r}",
            expected="one of " + ", ".join(names(kind)),
            hint=nearest(type_name, names(kind)),
        )
    try:
        found = point.load()
    except ModuleNotFoundError as error:
        extra = f"ragstone[{point.extras[0]}]" if point.extras else error.name
        raise MissingExtra(
            f"the {kind} {type_name!r} needs the package {error.name!r}", hint=f"Run: pip install '{extra}'"
        ) from error
    if not issubclass(found, KINDS[kind]):
        raise ConfigError(f"the {kind} {type_name!r} is {found.__name__}, which is no {KINDS[kind].__name__}")
    return found
