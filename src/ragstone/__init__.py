"""Ragstone: ask your own documents and get an answer you can check.

import ragstone

rag = ragstone.open("mydocs")
rag.ingest()
answer = rag.ask("When does the halibut project ship?")
print(answer.text, answer.citations[0].quote)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ragstone import errors as errors
    from ragstone import types as types
    from ragstone.callers import Payer as Payer
    from ragstone.errors import RagstoneError as RagstoneError
    from ragstone.rag import AsyncRag as AsyncRag
    from ragstone.state.keys import Grant as Grant
    from ragstone.state.keys import Key as Key
    from ragstone.sync import Rag as Rag
    from ragstone.types import Answer as Answer
    from ragstone.types import Citation as Citation
    from ragstone.types import Document as Document
    from ragstone.types import Hit as Hit

__version__ = "0.1.0"

# Each name is imported when it is first used: `import ragstone` alone stays under a tenth of a second.
_HOMES = {
    "Answer": "ragstone.types",
    "AsyncRag": "ragstone.rag",
    "Citation": "ragstone.types",
    "Document": "ragstone.types",
    "Grant": "ragstone.state.keys",
    "Hit": "ragstone.types",
    "Key": "ragstone.state.keys",
    "Payer": "ragstone.callers",
    "Rag": "ragstone.sync",
    "RagstoneError": "ragstone.errors",
}
_MODULES = ("errors", "types")

__all__ = [  # noqa: RUF022 - functions first, as they are met
    "open",
    "aopen",
    "Rag",
    "AsyncRag",
    "Answer",
    "Citation",
    "Document",
    "Grant",
    "Hit",
    "Key",
    "Payer",
    "RagstoneError",
    "errors",
    "types",
]


def open(folder: str | Path = ".") -> Rag:  # noqa: A001 - `ragstone.open` reads as what it does
    """Opens the project folder that is here or above. Raises ProjectNotFound."""
    from ragstone.sync import Rag

    return Rag.open(folder)


def aopen(folder: str | Path = ".") -> AsyncRag:
    """The same, with awaitable methods: `await ragstone.aopen("mydocs").ask("…")`."""
    from ragstone.rag import AsyncRag

    return AsyncRag.open(folder)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"ragstone.{name}")
    raise AttributeError(f"module 'ragstone' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
