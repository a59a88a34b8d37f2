"""Any model of sentence-transformers, on the CPU or a GPU.

    kind: embedder
    type: sentence_transformers
    model: BAAI/bge-m3              # a name on the Hugging Face hub, or a folder
    device: cuda                    # cpu, cuda, mps, or auto
    batch_size: 256
    precision: bfloat16
    query_prefix: "query: "
    passage_prefix: "passage: "

It needs torch: `pip install 'ragstone[local]'`. A model in a folder is loaded without the network.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragstone.errors import EmbedderError, MissingExtra, UsageError
from ragstone.protocols import Capabilities, Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["SentenceTransformersEmbedder"]


class SentenceTransformersEmbedder(Embedder):
    """Embeds in large batches, sorted by length, so that little of a batch is padding.

    >>> embedder = SentenceTransformersEmbedder(model="sentence-transformers/all-MiniLM-L6-v2", device="cuda")
    >>> (await embedder.embed(["one", "two"], context=Context())).shape
    (2, 384)

    The fingerprint covers the weights, the tokenizer, the pooling, the window and the prefixes, but not device,
    precision or batch size. A text longer than the window raises EmbedderError.
    """

    capabilities = Capabilities(token_vectors=False, local=True)

    def __init__(
        self,
        *,
        model: str,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        batch_size: int = 128,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        query_prefix: str = "",
        passage_prefix: str = "",
        window: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise UsageError("batch_size is out of range", expected="1 or more", found=str(batch_size))
        self._name, self._device, self._batch, self._precision = model, device, batch_size, precision
        self._prefixes, self._asked_window = (query_prefix, passage_prefix), window
        self._one = threading.RLock()
        self._loaded: Any = None
        self._print: str | None = None

    # The protocol has plain attributes here. They are known once the model is loaded.

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers weights, tokenizer, pooling, window and prefixes."""
        with self._one:
            if self._print is None:
                self._print = self._make_fingerprint()
            return self._print

    @property
    def dimensions(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How many numbers a vector has."""
        return int(self._model().get_embedding_dimension())

    @property
    def window(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How many tokens a text may have, the special ones and the prefix included."""
        prefix = max(len(self._ids(prefix)) for prefix in self._prefixes)
        return int(self._model().max_seq_length) - prefix

    async def load(self) -> None:
        """Loads the model."""
        await asyncio.to_thread(self._model)

    async def close(self) -> None:
        """Lets the model go."""
        with self._one:
            self._loaded = None

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages, shape (len(texts), dimensions)."""
        return await asyncio.to_thread(self._embedded, texts, self._prefixes[1], ids)

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The vector of one question; one that is too long is cut, since a person waits for it."""
        return (await asyncio.to_thread(self._encoded, [self._prefixes[0] + text]))[0]

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        """The vectors of several questions, in one pass."""
        if not texts:
            return []
        return list(await asyncio.to_thread(self._encoded, [self._prefixes[0] + text for text in texts]))

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """Token ids and their character ranges. Raises EmbedderError for a tokenizer that knows no ranges."""
        tokenizer = self._model().tokenizer
        if not getattr(tokenizer, "is_fast", False):
            raise EmbedderError(f"the tokenizer of {self._name} gives no character ranges", hint="Use another model.")
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
        return found["input_ids"], found["offset_mapping"]

    # ── In threads ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _embedded(self, texts: Sequence[str], prefix: str, ids: Sequence[Sequence[int]] | None) -> Matrix:
        import numpy as np

        lengths = [len(found) for found in ids] if ids is not None else [len(self._ids(text)) for text in texts]
        special = int(self._model().tokenizer.num_special_tokens_to_add())
        for text, length in zip(texts, lengths, strict=True):
            if length + special > self.window:
                raise EmbedderError(
                    "a text is longer than the embedder's window",
                    expected=f"{self.window - special} tokens at most",
                    found=f"{length} in {text[:40]!r}…",
                )
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return self._encoded([prefix + text for text in texts])

    def _encoded(self, texts: list[str]) -> Matrix:
        import numpy as np

        with self._one:  # it sorts by length itself
            vectors = self._model().encode(
                texts, batch_size=self._batch, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        vectors = np.asarray(vectors, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)  # low precision leaves a length of about 1

    def _ids(self, text: str) -> Sequence[int]:
        return self._model().tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]

    def _model(self) -> Any:
        with self._one:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Any:
        try:
            library: Any = import_module("sentence_transformers")
            torch: Any = import_module("torch")
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"the embedder needs the package {error.name!r}", hint="Run: pip install 'ragstone[local]'"
            ) from error
        device = None if self._device == "auto" else self._device
        local = Path(self._name).is_dir()
        kinds: Any = {"torch_dtype": getattr(torch, self._precision)}
        try:
            model: Any = library.SentenceTransformer(
                self._name, device=device, local_files_only=local, model_kwargs=kinds
            )
        except Exception as error:  # the hub, a damaged file, a device that is not there: each raises its own
            raise EmbedderError(
                f"{self._name} cannot be loaded: {error}", hint="Is `model` right, and `device`?"
            ) from error
        if self._asked_window is not None:
            model.max_seq_length = self._asked_window
        return model

    def _make_fingerprint(self) -> str:
        """Of what the model computes with: every weight, the words of its tokenizer, and how it pools."""
        model = self._model()
        made = hashlib.blake2b(digest_size=16)
        for name, weight in sorted(model.state_dict().items()):
            made.update(name.encode())
            made.update(weight.detach().float().cpu().numpy().tobytes())
        parts = (sorted(model.tokenizer.get_vocab().items()), str(model), model.max_seq_length, self._prefixes)
        made.update(repr(parts).encode())
        return made.hexdigest()
