"""Any cross-encoder of sentence-transformers, on the CPU or a GPU.

    kind: reranker
    type: cross_encoder
    model: BAAI/bge-reranker-v2-m3  # a name on the Hugging Face hub, or a folder
    device: cuda                    # cpu, cuda, mps, or auto
    batch: 64
    max_length: 512                 # tokens of question and text together; a longer text is cut

It needs torch: `pip install 'ragstone[local]'`. A model in a folder is loaded without the network.
"""

from __future__ import annotations

import asyncio
import importlib.util
import math
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from ragstone.errors import MissingExtra, ModelError, ModelTimeout, UsageError
from ragstone.protocols import Capabilities, Reranker
from ragstone.types import Context

__all__ = ["CrossEncoderReranker"]


class CrossEncoderReranker(Reranker):
    """Scores in batches of texts of like length, so that little of a batch is padding.

    >>> reranker = CrossEncoderReranker(model="cross-encoder/ms-marco-MiniLM-L6-v2")
    >>> texts = ["Interest rates rose by a point.", "Goethe wrote Faust."]
    >>> off, on = await reranker.scores("Who wrote Faust?", texts, context=Context())
    >>> on > off
    True

    Scores are the model's own numbers, without the sigmoid that would make the best ones equal. A text that is longer
    than the window is cut: what a person waits for is an order, not an error.
    """

    capabilities = Capabilities(local=True)

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        batch: int = 32,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        max_length: int | None = None,
    ) -> None:
        for name, value in (("batch", batch), ("max_length", max_length)):
            if value is not None and value < 1:
                raise UsageError(f"{name} is out of range", expected="1 or more", found=str(value))
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtra(
                "this reranker needs the package 'sentence_transformers'", hint="Run: pip install 'ragstone[local]'"
            )
        self._name, self._revision, self._device = model, revision, device
        self._batch, self._precision, self._length = batch, precision, max_length
        self._one = threading.Lock()
        self._loaded: Any = None

    async def load(self) -> None:
        """Loads the model."""
        await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Lets the model go."""
        with self._one:
            self._loaded = None

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        """The model's own number for each text. Raises ModelTimeout once the deadline has passed."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found: dict[int, float] = {}
        for begin in range(0, len(order), self._batch):  # a call that is given up ends with the batch at hand
            if context.remaining() == 0:
                raise ModelTimeout("the time for this call was over before all texts were read", where=self._where)
            places = order[begin : begin + self._batch]
            pairs = [(question, texts[at]) for at in places]
            found.update(zip(places, await asyncio.to_thread(self._predicted, pairs), strict=True))
        return [found[at] for at in range(len(texts))]

    @property
    def _where(self) -> str:
        return f"{self.name or 'cross_encoder'} ({self._name})"

    # ── In threads ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _predicted(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        model = self._load()
        plain = import_module("torch").nn.Identity()
        with self._one:  # a tokenizer serves one thread at a time
            found = model.predict(pairs, batch_size=self._batch, activation_fn=plain, show_progress_bar=False)
        scores = [float(score) for score in found]
        if not all(map(math.isfinite, scores)):
            raise ModelError(
                "a score is no number", where=self._where, found=str(scores[:4]), hint="Try precision: float32."
            )
        return scores

    def _load(self) -> Any:
        with self._one:
            if self._loaded is None:
                self._loaded = self._opened()
            return self._loaded

    def _opened(self) -> Any:
        try:
            library: Any = import_module("sentence_transformers")
            torch: Any = import_module("torch")
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"this reranker needs the package {error.name!r}", hint="Run: pip install 'ragstone[local]'"
            ) from error
        try:
            model: Any = library.CrossEncoder(
                self._name,
                revision=self._revision,
                device=None if self._device == "auto" else self._device,
                max_length=self._length,
                local_files_only=Path(self._name).is_dir(),
                model_kwargs={"torch_dtype": getattr(torch, self._precision)},
            )
        except Exception as error:  # the hub, a damaged file, a device that is not there: each raises its own
            raise ModelError(
                f"it cannot be loaded: {error}", where=self._where, hint="Is `model` right, and `device`?"
            ) from error
        labels = int(model.config.num_labels)
        if labels != 1:
            raise ModelError(
                "this model is no reranker",
                where=self._where,
                expected="one number for each text",
                found=f"{labels} of them",
            )
        return model
