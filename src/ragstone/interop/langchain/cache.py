"""Answers of LangChain's models in a SQLite file."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, ChatMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk

from ragstone.caching.embeddings import VectorCache

__all__ = ["RagstoneCache"]

TABLE = "completions_1"
KNOWN = [
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    Generation,
    GenerationChunk,
    ChatGeneration,
    ChatGenerationChunk,
]
"""What may be read back. A file that names anything else holds nothing, whoever has written it."""


class RagstoneCache(BaseCache):
    """Exact: the same prompt to the same model with the same settings is answered from the file, or from memory.

    >>> set_llm_cache(RagstoneCache(Path(".ragstone/langchain-cache.db")))

    Values are JSON that makes messages and generations alone; nothing is unpickled. A cache never stands in the way:
    what cannot be read is not there.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._kept = VectorCache(Path(path) if path else None, table=TABLE)

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """What was answered before; None where nothing was."""
        key = _key(prompt, llm_string)
        found = self._kept.get([key]).get(key)
        if found is None:
            return None
        warnings.filterwarnings("ignore", "The function `loads` is in beta")
        try:
            read: Any = loads(found.decode(), allowed_objects=KNOWN)
        except (ValueError, TypeError, ImportError, NotImplementedError):
            return None
        return read if isinstance(read, list) and all(isinstance(one, Generation) for one in read) else None  # pyright: ignore[reportUnknownVariableType]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keeps an answer in place of an older one."""
        key = _key(prompt, llm_string)
        self._kept.forget([key])
        self._kept.put({key: dumps(list(return_val)).encode()})

    def clear(self, **kwargs: Any) -> None:
        """Forgets everything."""
        self._kept.clear()

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._kept.close()


def _key(prompt: str, llm_string: str) -> bytes:
    """Another one for another pair: the prompt's length stands between them."""
    said = prompt.encode("utf-8", "surrogatepass")
    begun = hashlib.blake2b(f"{len(said)}\0".encode() + said, digest_size=16)
    begun.update(llm_string.encode("utf-8", "surrogatepass"))
    return begun.digest()
