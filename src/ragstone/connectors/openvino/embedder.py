"""The embedder that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ragstone.connectors.openvino.files import DEFAULT_MODEL, WEIGHTS, Cache, find_model
from ragstone.connectors.openvino.settings import Settings, read_settings
from ragstone.errors import EmbedderError, UsageError
from ragstone.protocols import Capabilities, Embedder

from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.connectors.openvino.runtime import Runtime
    from ragstone.connectors.openvino.tokenizer import Tokenizer
    from ragstone.types import Matrix, Vector

__all__ = ["OpenVINOEmbedder"]

T = TypeVar("T")


class _Once(Generic[T]):
    """A value made when it is first asked for, once, whichever thread asks. A failure is not kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._value: T | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._value is None:
                self._value = self._make()
            return self._value

    def forget(self) -> None:
        with self._lock:
            self._value = None


class OpenVINOEmbedder(Embedder):
    """Embeds with a BERT network on the CPU: all-MiniLM-L6-v2 unless told otherwise; BGE and GTE work as well.

    Nothing is loaded before it is needed; `load` brings it forward. `path` is a folder with model.safetensors,
    tokenizer.json and config.json; without one, `model` is looked for as `files.find_model` says. `cache` holds compiled
    networks (90 MB for MiniLM), by default `~/.cache/ragstone/openvino`. `threads` is by default every core.
    """

    capabilities = Capabilities(token_vectors=True, local=True)

    def __init__(
        self,
        *,
        path: Path | None = None,
        model: str = DEFAULT_MODEL,
        cache: Path | None = None,
        threads: int | None = None,
        download: bool = True,
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError("threads is out of range", where="openvino", expected="1 or more", found=str(threads))
        self._cache = _Once(lambda: Cache(cache))
        self._folder = _Once(lambda: find_model(path, model, self._cache(), download=download))
        self._settings: _Once[Settings] = _Once(lambda: read_settings(self._folder()))
        self._tokenizer: _Once[Tokenizer] = _Once(self._open_tokenizer)
        self._fingerprint = _Once(self._make_fingerprint)
        self._threads = threads
        self._runtime: _Once[Runtime] = _Once(self._compile)

    # The protocol has attributes here. These are read from files when first asked for, so that making the embedder costs
    # nothing.

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers weights, tokenizer, network, pooling and window, but not the runtime or its precision."""
        return self._fingerprint()

    @property
    def dimensions(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Numbers in a vector."""
        return self._settings().dimensions

    @property
    def window(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Tokens of the longest text, its two special ones included."""
        return self._settings().window

    async def load(self) -> None:
        """Loads the network now, and runs it once so that the first question need not wait for it."""
        await asyncio.to_thread(lambda: (self.fingerprint, self._pooled([""], None)))

    async def close(self) -> None:
        """Gives the network's memory back. It is loaded again if it is needed again."""
        self._runtime.forget()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages, shape (len(texts), dimensions), in their order.

        Raises EmbedderError when a text is longer than the window, naming it; nothing is cut.
        """
        return await asyncio.to_thread(self._pooled, texts, ids)

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The vector of one question. One longer than the window is the mean of its pieces, weighted by their tokens."""
        return await asyncio.to_thread(self._pooled_query, text)

    async def embed_tokens(self, texts: Sequence[str], *, context: Context) -> Sequence[Matrix]:
        """For each text the vectors of its tokens, special ones left out, each of length 1: (tokens, dimensions)."""
        return await asyncio.to_thread(self._token_vectors, texts)

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """Token ids and their character ranges, special tokens left out."""
        return self._tokenizer().locate(text)

    def _pooled(self, texts: Sequence[str], ids: Sequence[Sequence[int]] | None) -> Matrix:
        return self._runtime().pooled(self._rows(texts, ids))

    def _pooled_query(self, text: str) -> Vector:
        import numpy as np

        (ids,) = self._tokenizer().encode([text])
        room = self.window - sum(len(part) for part in self._tokenizer().special)
        pieces = [ids[start : start + room] for start in range(0, len(ids), room)] or [ids]
        vectors = self._pooled([text] * len(pieces), pieces)
        mean = np.average(vectors, axis=0, weights=[len(piece) + 1 for piece in pieces])
        return (mean / np.linalg.norm(mean)).astype(np.float32)

    def _token_vectors(self, texts: Sequence[str]) -> list[Matrix]:
        before, after = self._tokenizer().special
        vectors = self._runtime().tokens(self._rows(texts, None))
        return [found[len(before) : len(found) - len(after)] for found in vectors]

    def _rows(self, texts: Sequence[str], ids: Sequence[Sequence[int]] | None) -> list[list[int]]:
        """Token ids with the special ones around them. Raises EmbedderError for those that the network cannot take."""
        ids = self._tokenizer().encode(texts) if ids is None else ids
        if len(ids) != len(texts):
            raise UsageError("ids and texts differ in number", where="embed", expected=str(len(texts)), found=str(len(ids)))
        before, after = self._tokenizer().special
        rows = [[*before, *row, *after] for row in ids]
        for index, row in enumerate(rows):
            if len(row) > self.window:
                raise EmbedderError(
                    f"text {index} is longer than the embedder's window",
                    expected=f"at most {self.window} tokens, {len(before) + len(after)} special ones included",
                    found=f"{len(row)}",
                    hint="Split it into smaller chunks.",
                )
            if max(row) >= self._settings().vocabulary or min(row) < 0:
                raise EmbedderError(f"the ids of text {index} are not those of this embedder's tokenizer")
        return rows

    def _open_tokenizer(self) -> Tokenizer:
        from ragstone.connectors.openvino.tokenizer import Tokenizer

        return Tokenizer(self._folder() / "tokenizer.json")

    def _make_fingerprint(self) -> str:
        folder, settings = self._folder(), self._settings()
        parts = (
            self._cache().digest(folder / WEIGHTS),
            self._cache().digest(folder / "tokenizer.json"),
            *(str(part) for part in (settings.heads, settings.epsilon, settings.window, settings.pooling)),
        )
        return hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()

    def _compile(self) -> Runtime:
        from ragstone.connectors.openvino.runtime import Runtime

        return Runtime(
            self._folder() / WEIGHTS,
            self._settings(),
            cache=self._cache(),
            fingerprint=self.fingerprint,
            threads=self._threads,
        )
