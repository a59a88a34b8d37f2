"""The embedder that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.compact import Projection, fitted
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.once import Once
from ragstone.connectors.openvino.settings import read_settings
from ragstone.connectors.openvino.weights import DEFAULT_MODEL, TOKENIZER, WEIGHTS, find_model
from ragstone.errors import EmbedderError, UsageError
from ragstone.protocols import Capabilities, Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.connectors.openvino.runtime import Runtime
    from ragstone.connectors.openvino.tokenizer import Tokenizer
    from ragstone.types import Matrix, Vector

__all__ = ["OpenVINOEmbedder"]

ENGLISH = frozenset({"en"})
"""What all-MiniLM-L6-v2 was trained on."""

FITTED, FITTED_AT_ONCE = 8_000, 40  # words that the projection is fitted on
_SPECIAL = 2  # tokens that stand around every text


def _joined(vectors: Matrix, pieces: Sequence[Sequence[int]]) -> Vector:
    """One vector for a text in pieces: their mean, each weighted by its tokens."""
    import numpy as np

    mean = np.average(vectors, axis=0, weights=[len(piece) or 1 for piece in pieces])
    return (mean / np.linalg.norm(mean)).astype(np.float32)


class OpenVINOEmbedder(Embedder):
    """Embeds with a BERT network on the CPU: all-MiniLM-L6-v2 unless told otherwise; BGE and GTE work as well.

    >>> embedder = OpenVINOEmbedder()
    >>> await embedder.load()  # now rather than with the first text
    >>> (await embedder.embed(["one", "two"], context=Context())).shape
    (2, 384)

    `path` is a folder with model.safetensors, tokenizer.json and config.json; without it `model` is looked for, see
    `weights.find_model`. `cache` is a folder for compiled networks (90 MB for MiniLM), by default
    `~/.cache/ragstone/openvino`. `threads` is every core unless given. With `download`, all-MiniLM-L6-v2 is fetched
    where it is not on this machine.
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
        self.languages = ENGLISH if path is None and model == DEFAULT_MODEL else None
        self._cache = Cache(cache)
        self._threads = threads
        self._folder = Once(lambda: find_model(model, self._cache, path=path, download=download))
        self._settings = Once(lambda: read_settings(self._folder()))
        self._fingerprint = Once(self._make_fingerprint)
        self._tokenizer = Once(self._open_tokenizer)
        self._runtime = Once(self._compile)

    # The protocol has plain attributes here. They are read from the model's files when first asked for.

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers weights, tokenizer, network, pooling and window, but not the runtime or its precision."""
        return self._fingerprint()

    @property
    def dimensions(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How many numbers a vector has."""
        return self._settings().dimensions

    @property
    def window(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How many tokens a text may have, the two special ones included."""
        return self._settings().window

    async def load(self) -> None:
        """Loads the network and runs it once, so that the first text need not wait for it."""
        await asyncio.to_thread(self._pooled, [""], None)

    async def close(self) -> None:
        """Gives the network's memory back. Should it be needed again, it is loaded again."""
        self._runtime.forget()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages in their order, shape (len(texts), dimensions). `ids` are as from `tokens`.

        Raises EmbedderError naming the first text that is longer than the window: nothing is cut.
        """
        return await asyncio.to_thread(self._pooled, texts, ids)

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The vector of a question, shape (dimensions,).

        A question longer than the window is cut into pieces that fit, and their vectors are averaged, each weighted by
        its tokens: a pasted page finds what it is about, where an error would find nothing.
        """
        return await asyncio.to_thread(self._pooled_query, text)

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        """The vectors of several questions as from `embed_query`, in one pass."""
        return await asyncio.to_thread(self._pooled_queries, texts)

    async def embed_tokens(self, texts: Sequence[str], *, context: Context) -> Sequence[Matrix]:
        """For each text the vectors of its tokens, special ones left out, each of length 1: (tokens, dimensions)."""
        return await asyncio.to_thread(self._token_vectors, texts)

    async def projection(self) -> Projection:
        """Fits the projection on 8,000 words of the vocabulary, drawn with a fixed seed and read 40 at a time."""
        return await asyncio.to_thread(self._fitted)

    async def embed_compact(
        self, texts: Sequence[str], *, by: Projection, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, Sequence[Compact]]:
        """Vectors as from `embed` and compact rows of the tokens, in one pass."""
        return await asyncio.to_thread(lambda: self._runtime().both(self._rows(texts, ids), by))

    async def embed_query_compact(self, text: str, *, by: Projection, context: Context) -> tuple[Vector, Compact]:
        """The vector as from `embed_query` and compact rows of the question's tokens, in one pass."""
        return await asyncio.to_thread(self._query, text, by)

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """Token ids and their character ranges, special tokens left out.

        >>> OpenVINOEmbedder().tokens("Héllo wörld")
        ([7592, 2088], [(0, 5), (6, 11)])
        """
        return self._tokenizer().locate([text])[0]

    def all_tokens(self, texts: Sequence[str]) -> Sequence[tuple[Sequence[int], Sequence[tuple[int, int]]]]:
        """What `tokens` gives of each text, on all cores."""
        return self._tokenizer().locate(texts)

    def _pooled(self, texts: Sequence[str], ids: Sequence[Sequence[int]] | None) -> Matrix:
        rows = self._rows(texts, ids)
        return self._runtime().pooled(rows)

    def _pooled_query(self, text: str) -> Vector:
        pieces = self._pieces(text)
        return _joined(self._pooled([text] * len(pieces), pieces), pieces)

    def _pooled_queries(self, texts: Sequence[str]) -> list[Vector]:
        pieces = [self._pieces(text) for text in texts]
        every = [(text, piece) for text, own in zip(texts, pieces, strict=True) for piece in own]
        vectors = self._pooled([text for text, _ in every], [piece for _, piece in every])
        ends = accumulate(map(len, pieces))
        return [_joined(vectors[end - len(own) : end], own) for own, end in zip(pieces, ends, strict=True)]

    def _query(self, text: str, by: Projection) -> tuple[Vector, Compact]:
        import numpy as np

        pieces = self._pieces(text)
        vectors, rows = self._runtime().both(self._rows([text] * len(pieces), pieces), by)
        return _joined(vectors, pieces), np.concatenate(rows)

    def _pieces(self, text: str) -> list[list[int]]:
        """The ids of a question in pieces that fit the window, at least one."""
        (ids,) = self._tokenizer().encode([text])
        room = self.window - _SPECIAL
        return [ids[start : start + room] for start in range(0, len(ids), room)] or [ids]

    def _fitted(self) -> Projection:
        import numpy as np

        name = f"{self.fingerprint}-{FITTED}.projection"
        kept = self._cache.find(name)
        if kept is not None:
            numbers = np.frombuffer(kept.read_bytes(), "<f4").reshape(-1, self.dimensions)
            return Projection(numbers[0], np.ascontiguousarray(numbers[1:].T))
        words = self._tokenizer().words()
        drawn = np.random.default_rng(0).choice(words, (FITTED // FITTED_AT_ONCE, FITTED_AT_ONCE)).tolist()
        states = self._runtime().tokens(self._rows([""] * len(drawn), drawn))
        made = fitted(np.concatenate([rows[1:-1] for rows in states]))
        self._cache.keep(name, np.concatenate([made.mean[None], made.basis.T]).astype("<f4").tobytes())
        return made

    def _token_vectors(self, texts: Sequence[str]) -> list[Matrix]:
        rows = self._rows(texts, None)
        return [vectors[1:-1] for vectors in self._runtime().tokens(rows)]

    def _rows(self, texts: Sequence[str], ids: Sequence[Sequence[int]] | None) -> list[list[int]]:
        """What the network takes: token ids with the special ones around them, none longer than the window."""
        tokenizer, settings = self._tokenizer(), self._settings()
        ids = tokenizer.encode(texts) if ids is None else ids
        if len(ids) != len(texts):
            raise UsageError("every text needs its ids", where="embed", expected=str(len(texts)), found=str(len(ids)))
        rows = [[tokenizer.first, *row, tokenizer.last] for row in ids]
        for index, row in enumerate(rows):
            if len(row) > settings.window:
                raise EmbedderError(
                    f"text {index} is longer than the embedder's window",
                    expected=f"at most {settings.window} tokens, {_SPECIAL} special ones included",
                    found=str(len(row)),
                    hint="Split it into smaller chunks.",
                )
            if min(row) < 0 or max(row) >= settings.vocabulary:
                raise EmbedderError(f"the ids of text {index} come from another tokenizer")
        return rows

    def _make_fingerprint(self) -> str:
        folder = self._folder()
        parts = (
            self._cache.digest(folder / WEIGHTS),
            self._cache.digest(folder / TOKENIZER),
            *(str(value) for value in astuple(self._settings())),
        )
        return hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()

    def _open_tokenizer(self) -> Tokenizer:
        from ragstone.connectors.openvino.tokenizer import Tokenizer

        return Tokenizer(self._folder() / TOKENIZER)

    def _compile(self) -> Runtime:
        from ragstone.connectors.openvino.runtime import Runtime

        return Runtime(
            self._folder() / WEIGHTS,
            self._settings(),
            cache=self._cache,
            key=self._fingerprint(),
            threads=self._threads,
        )
